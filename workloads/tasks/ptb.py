"""Penn Treebank as Mikolov prepared it: 10,000 words, one sentence a line, numbers N, rare words <unk>."""

from workloads.tasks.files import Provided

END = "<eos>"
_SOURCE = "{} as Mikolov prepared it (his simple-examples; github.com/MorganECNUGroup/Tensorflow-Part, ptb.zip)"


def _file(part: str, sha256: str, unpacked_sha256: str) -> Provided:
    name = f"ptb.{part}.txt"
    return Provided(f"ptb/{name}.gz", sha256, f"{_SOURCE.format(name)}, gzipped or not", unpacked_sha256)


FILES = (
    _file(
        "train",
        "c4c6455d85f60640431f7bc738d51265ba2d55dcce10e8906322d6f9e3dcca81",
        "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
    ),
    _file(
        "valid",
        "f2148d96d82f827399b7e5040868a4541bd2d2612ebaf5a2ff213bc07fd74eb8",
        "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
    ),
    _file(
        "test",
        "5015d206077ff3e96161868c5c280ec8a28e9ad5617ef99ee0e734aaef6130c5",
        "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
    ),
)


def words(file: bytes) -> list[str]:
    """Every word, and `END` at the end of each line."""
    return [word for line in file.decode("ascii").splitlines() for word in (*line.split(), END)]


def characters(file: bytes) -> str:
    """Every character, spaces around a line dropped and the line end kept: Mikolov's ptb.char with spaces for _."""
    return "".join(f"{line.strip()}\n" for line in file.decode("ascii").splitlines())
