"""The registers of every accelerator, written from rtl_sim/rdl/accelerator.rdl; a test compares the two.

`python -m hwcodesign.backends.streamrtl.register_block` writes this file again.
"""

from hwcodesign.interface.registers import Count, Field, Register

ID = Register(
    "ID",
    0x000,
    Count.ONE,
    (
        Field(
            "magic",
            0,
            32,
            "r",
            0x48574358,
            '"HWCX" in ASCII, the first letter in the highest byte.',
        ),
    ),
    "What this is.",
)

VERSION = Register(
    "VERSION",
    0x004,
    Count.ONE,
    (
        Field(
            "minor",
            0,
            16,
            "r",
            0x0,
            "Grows with every addition.",
        ),
        Field(
            "major",
            16,
            16,
            "r",
            0x1,
            "Grows where a driver must change.",
        ),
    ),
    "Version of this register map. A driver refuses another major version.",
)

HASH_HIGH = Register(
    "HASH_HIGH",
    0x008,
    Count.ONE,
    (
        Field(
            "hash",
            0,
            32,
            "r",
            0x0,
            "Constant.",
        ),
    ),
    "First 32 bits of the configuration hash: its first eight hexadecimal digits.",
)

HASH_LOW = Register(
    "HASH_LOW",
    0x00C,
    Count.ONE,
    (
        Field(
            "hash",
            0,
            32,
            "r",
            0x0,
            "Constant.",
        ),
    ),
    "The next 32 bits of the configuration hash.",
)

SIZES = Register(
    "SIZES",
    0x010,
    Count.ONE,
    (
        Field(
            "exits",
            0,
            8,
            "r",
            0x0,
            "Exits, the last one included.",
        ),
        Field(
            "classes",
            16,
            16,
            "r",
            0x0,
            "Classes. Constant.",
        ),
    ),
    "Size of the network.",
)

CONTROL = Register(
    "CONTROL",
    0x014,
    Count.ONE,
    (
        Field(
            "soft_reset",
            0,
            1,
            "w",
            0x0,
            "Return kernels, buffers, ids, error flag, counters and both threshold banks to their reset state, "
            "for a fixed number of cycles; samples in flight are lost. Staged values, a pending commit and the "
            "last snapshot stay. Reset the DMA too.",
        ),
        Field(
            "snapshot",
            1,
            1,
            "w",
            0x0,
            "Latch all counters, as of one cycle. With soft_reset in the same write: as they stood before it.",
        ),
        Field(
            "commit",
            2,
            1,
            "w",
            0x0,
            "Make THRESHOLD and MODE active for samples that start later, as soon as the bank they go to has "
            "drained. With soft_reset in the same write: right after it.",
        ),
    ),
    "Commands: a written 1 does it, reads as 0. Several may be given in one write.",
)

STATUS = Register(
    "STATUS",
    0x018,
    Count.ONE,
    (
        Field(
            "error",
            0,
            1,
            "r",
            0x0,
            "TLAST came inside a sample; stands until soft reset.",
        ),
        Field(
            "commit_pending",
            1,
            1,
            "r",
            0x0,
            "A commit waits for a bank to drain. The values that stand in THRESHOLD and MODE when it is done "
            "are taken: write none meanwhile.",
        ),
        Field(
            "active_bank",
            2,
            1,
            "r",
            0x0,
            "Threshold bank of samples that start now.",
        ),
        Field(
            "draining",
            3,
            1,
            "r",
            0x0,
            "A batch has ended and its records are still leaving; no sample starts.",
        ),
        Field(
            "resetting",
            4,
            1,
            "r",
            0x0,
            "A soft reset is going on.",
        ),
        Field(
            "in_flight",
            16,
            16,
            "r",
            0x0,
            "Samples started whose final record has not left.",
        ),
    ),
    "What holds now.",
)

MODE = Register(
    "MODE",
    0x01C,
    Count.ONE,
    (
        Field(
            "anytime",
            0,
            1,
            "rw",
            0x0,
            "1: a record at every exit reached. 0: only the final one.",
        ),
    ),
    "How samples leave; staged until commit.",
)

RECORDS_PER_PACKET = Register(
    "RECORDS_PER_PACKET",
    0x020,
    Count.ONE,
    (
        Field(
            "count",
            0,
            16,
            "rw",
            0x0,
            "Records from one TLAST to the next; 0: TLAST only on a batch's last record, which always has it.",
        ),
    ),
    "Length of output packets; takes effect with the next record.",
)

CYCLES_LOW = Register(
    "CYCLES_LOW",
    0x040,
    Count.ONE,
    (
        Field(
            "count",
            0,
            32,
            "r",
            0x0,
            "Count.",
        ),
    ),
    "Cycles since reset, low half, as of the last snapshot.",
)

CYCLES_HIGH = Register(
    "CYCLES_HIGH",
    0x044,
    Count.ONE,
    (
        Field(
            "count",
            0,
            32,
            "r",
            0x0,
            "Count.",
        ),
    ),
    "Cycles since reset, high half, as of the last snapshot.",
)

ACCEPTED = Register(
    "ACCEPTED",
    0x048,
    Count.ONE,
    (
        Field(
            "count",
            0,
            32,
            "r",
            0x0,
            "Count.",
        ),
    ),
    "Samples accepted to their last word since reset, modulo 2^32, as of the last snapshot.",
)

INPUT_STALLS = Register(
    "INPUT_STALLS",
    0x04C,
    Count.ONE,
    (
        Field(
            "count",
            0,
            32,
            "r",
            0x0,
            "Count.",
        ),
    ),
    "Cycles in which an input word waited, since reset, modulo 2^32, as of the last snapshot.",
)

OUTPUT_STALLS = Register(
    "OUTPUT_STALLS",
    0x050,
    Count.ONE,
    (
        Field(
            "count",
            0,
            32,
            "r",
            0x0,
            "Count.",
        ),
    ),
    "Cycles in which an output word waited, since reset, modulo 2^32, as of the last snapshot.",
)

THRESHOLD = Register(
    "THRESHOLD",
    0x100,
    Count.EXITS,
    (
        Field(
            "code",
            0,
            32,
            "rw",
            0x7FFFFFFF,
            "Signed; 0x7FFFFFFF is never, 0x80000000 always.",
        ),
    ),
    "Threshold code of each exit, staged until commit: a sample leaves where score >= code. The last exit "
    "ignores its own.",
)

FINALS = Register(
    "FINALS",
    0x200,
    Count.EXITS,
    (
        Field(
            "count",
            0,
            32,
            "r",
            0x0,
            "Count.",
        ),
    ),
    "Final records of each exit since reset, modulo 2^32, as of the last snapshot.",
)

HIGH_WATER = Register(
    "HIGH_WATER",
    0x300,
    Count.BUFFERS,
    (
        Field(
            "beats",
            0,
            16,
            "r",
            0x0,
            "Beats.",
        ),
    ),
    "Highest level of the first buffer behind each stage but the last since reset, as of the last snapshot.",
)

#: By ascending offset.
REGISTERS = (
    ID,
    VERSION,
    HASH_HIGH,
    HASH_LOW,
    SIZES,
    CONTROL,
    STATUS,
    MODE,
    RECORDS_PER_PACKET,
    CYCLES_LOW,
    CYCLES_HIGH,
    ACCEPTED,
    INPUT_STALLS,
    OUTPUT_STALLS,
    THRESHOLD,
    FINALS,
    HIGH_WATER,
)
