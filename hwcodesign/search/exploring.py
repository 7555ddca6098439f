"""This module explores the designs of a network on a board: searches, chooses by wishes, builds and verifies."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from hwcodesign.data import Dataset
from hwcodesign.designs.boards import Board, board_named
from hwcodesign.errors import SettingsError
from hwcodesign.hardware.offers import Catalogue
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.progress import task
from hwcodesign.search.evaluation import Evaluated, Subject
from hwcodesign.search.exporting import variants_of
from hwcodesign.search.front import Wishes, best_designs, fitting_designs, pareto_front
from hwcodesign.search.page import write_study_page
from hwcodesign.search.space import Space
from hwcodesign.search.study import Study
from hwcodesign.search.verifying import Verified, built, verified_in
from hwcodesign.search.workers import executor, result_of, workers
from hwcodesign.storage.files import sha256, sha256_json, write_json

#: What `verify` found, in the search's folder.
VERIFIED = "verified.json"
#: Fraction of the fastest throughput of a board at which the search begins.
_SLOWEST = 1 / 300
#: Seconds that Yosys may take for a design.
_SYNTHESIS = 3600.0


@dataclass(frozen=True)
class Exploration:
    """An exploration is of one network on one board.

    Attributes:
        name: name of the recipe.
        network: the trained network, with all exits.
        data: its splits: designs are predicted on the fitting split, and verified on the test split.
        board: the board's name, or the file that describes it.
        results: folder of all explorations of the recipe; each board has one in it.
        storage: where trials are kept, as of `Study.opened`; None for a file in the folder.
        catalogue: what units of the network's kernels take; explorations for other boards may have the same one.
    """

    name: str
    network: MultiExitNetwork
    data: Dataset
    board: str
    results: Path
    storage: str | None = None
    catalogue: Catalogue = field(default_factory=Catalogue)

    @cached_property
    def target(self) -> Board:
        """Returns the board."""
        return board_named(self.board)

    @property
    def folder(self) -> Path:
        """Returns its folder."""
        return self.results / self.target.name

    @cached_property
    def study(self) -> Study:
        """Returns the study of its designs; raises as `Study.opened`."""
        fitting = self.data.fitting
        images = sha256(fitting.images.tobytes() + fitting.labels.tobytes())[:8]
        board = f"{self.target.name} ({sha256_json(self.target.to_json())[:8]})"
        subject = f"{self.name} (weights {self.network.digest()[:8]}, fitting images {images}) on {board}"
        return Study.opened(self.folder, subject, self.storage, f"{self.name} {self.target.name}")

    @cached_property
    def subject(self) -> Subject:
        """Returns what evaluates points."""
        return Subject(variants_of(self.network, self.data.fitting, self.target, self.folder, self.catalogue))

    def space(self, criteria: tuple[str, ...], drop: float) -> Space:
        """Returns the space of all throughputs that the board can have, down to a 300th.

        Args:
            criteria: names of criteria, and `NO_EXITS`.
            drop: largest accuracy drop of early exits, as a fraction.

        Raises:
            SettingsError: as `Space`, or the network does not fit the board at all; the message says by how much.
        """
        space = Space(criteria, drop, _SLOWEST, 1.0, self.network.exits - 1)  # refused before what takes long
        fastest = self.subject.fastest()
        return dataclasses.replace(space, slowest=_SLOWEST * fastest, fastest=fastest)

    def search(self, space: Space, trials: int, seed: int, processes: int = 1, cluster: str | None = None) -> None:
        """Searches until so many trials are finished, those of earlier calls included.

        Args:
            space: what is searched.
            trials: number of trials.
            seed: of the samplers.
            processes: that evaluate points.
            cluster: address of a Dask scheduler, whose workers do instead.

        Raises:
            SettingsError, ToolError, DesignError: as `Study.search` and `workers`.
        """
        with workers(self.subject, processes, cluster) as team:
            self.study.search(space, team, trials, seed)

    @property
    def front(self) -> dict[int, Evaluated]:
        """Returns the designs that fit and that no other is better than in everything, by number."""
        return pareto_front(self.study.designs)

    def best(self, wishes: Wishes, by: str, most: int = 1) -> list[int]:
        """Returns the numbers of the best designs; raises as `best_designs`."""
        return best_designs(fitting_designs(self.study.designs), wishes, by, most)

    def write_page(self, chosen: int, wished: tuple[Wishes, str], command: str, origin: Mapping[str, str]) -> Path:
        """Writes the page of its designs beside the study, and returns its path.

        Args:
            chosen: number of the chosen design.
            wished: bounds that it meets, and the figure that it has the best of.
            command: that compiles a design, but for its number.
            origin: where all this comes from, by name.
        """
        made = (self.name, self.target, command)
        return write_study_page(self.study, self.front, chosen, wished, made, origin, self.network.exits)

    def design(self, number: int) -> Evaluated:
        """Returns a design that was found.

        Raises:
            SettingsError: there is none of this number; the message lists all.
        """
        designs = self.study.designs
        if number not in designs:
            known = ", ".join(map(str, sorted(designs))) or "none: search first"
            raise SettingsError(f"design {number} is none that was found; there are {known}")
        return designs[number]

    def folder_of(self, number: int) -> Path:
        """Returns the folder of a design that is built."""
        return self.folder / f"design{number}"

    def build(self, number: int) -> Path:
        """Compiles a design that was found, and returns its folder; raises as `design` and `compile`."""
        found, folder = self.design(number), self.folder_of(number)
        built(self.network, found, self.board, folder, f"{self.name}_{number}")
        return folder

    def verify(
        self, numbers: list[int], images: int, processes: int = 1, cluster: str | None = None
    ) -> dict[int, Verified]:
        """Compiles, simulates and synthesises designs, and writes predicted and measured figures into `VERIFIED`.

        Args:
            numbers: of designs.
            images: number of test images that are simulated.
            processes: that verify designs.
            cluster: address of a Dask scheduler, whose workers do instead; they need the folder, too.

        Raises:
            SettingsError, MismatchError, SimulationError, ToolError: as `verified`.
        """
        test, made, futures = self.data.test, {}, {}
        given = (test.images[:images], test.labels[:images], _SYNTHESIS)
        text = f"verifying designs on {self.target.name}"
        with executor(processes, cluster) as pool, task(text, len(numbers), "designs") as reported:
            for number in numbers:
                folder = self.build(number).resolve()  # here: networks do not pass to other processes
                wanted = (folder, self.design(number).figures, *given)
                if pool is not None:
                    futures[number] = pool.submit(verified_in, *wanted)
                    continue
                made[number] = verified_in(*wanted)
                reported.advance()
            for number, future in futures.items():
                made[number] = result_of(future)
                reported.advance()
        write_json(self.folder / VERIFIED, {str(number): one.to_json() for number, one in made.items()})
        return made
