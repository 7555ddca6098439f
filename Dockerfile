# Untried where it was written, because no Docker was there: docs/install.md.
#   docker build --tag hwcodesign .
#   docker run --rm --volume "$PWD/build:/home/engineer/hwcodesign/build" hwcodesign
FROM python:3.11-slim-bookworm AS tools
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ git make perl zlib1g-dev liblz4-dev \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 engineer
USER engineer
WORKDIR /home/engineer/hwcodesign

FROM tools AS demo
COPY --chown=engineer . .
# Address of an index of packages with PyTorch without CUDA; without it, the image has 4 GB more
ARG TORCH_INDEX=
RUN make setup-demo TORCH_INDEX=$TORCH_INDEX
CMD ["make", "demo"]
