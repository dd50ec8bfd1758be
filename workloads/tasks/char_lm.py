"""Character language models: predict the next character of a text; the metric is bits per character (BPC)."""

from workloads.tasks import ptb
from workloads.tasks.base import SPLITS, Split
from workloads.tasks.files import Fetched, Provided, Shipped
from workloads.tasks.language_model import LanguageModel, Text, characters, sizes_by_tenths


def _utf8(files: tuple[bytes, ...]) -> Text:
    return characters(b"".join(files).decode("utf-8"))


def _ptb(files: tuple[bytes, ...]) -> Text:
    return characters("".join(map(ptb.characters, files)))


WAR_AND_PEACE = LanguageModel(
    name="war-and-peace",
    title="War and Peace, characters (Karpathy et al. 2015; byte order mark removed, carriage returns kept)",
    published="RBT Table 1 at 512 units: float 1.72, ternary 1.72, binary 1.78 BPC (test)",
    metric="bpc",
    symbols=83,
    sizes=sizes_by_tenths(3_258_226),
    files=(Shipped("warpeace.txt.xz", "6c598f349d92e16fcf8e29b3328be35c30b814bc0f2bfacf29a429700d9c3141"),),
    parse=_utf8,
)
TINY_SHAKESPEARE = LanguageModel(
    name="tiny-shakespeare",
    title="Tiny Shakespeare, characters (Karpathy, char-rnn)",
    published="none",
    metric="bpc",
    symbols=65,
    sizes=sizes_by_tenths(1_115_394),
    files=(Shipped("tinyshakespeare.txt.xz", "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"),),
    parse=_utf8,
)
LINUX = LanguageModel(
    name="linux",
    title="Linux kernel source 6.1, characters (as long as the text of Karpathy et al. 2015, and another)",
    published="RBT at 512 units on the 2015 text, so not comparable: float 1.73, ternary 1.75, binary 1.79 BPC (test)",
    metric="bpc",
    symbols=102,
    sizes=sizes_by_tenths(6_206_996),
    files=(
        Provided(
            path="linux/linux_kernel_6.1_input.txt.gz",
            sha256="a84655ea4a386cf59358de67b119e76d4e6df12b3a2005ae8374dc808432ad6b",
            unpacked_sha256="fd506f57e7cc7059183a8a079fbf87040e2b30eea8ad8e25cd91fe9d61719686",
            source="the text that workloads/tasks/data/README.md tells how to make of linux-source-6.1, gzipped or not",
        ),
    ),
    parse=_utf8,
)
PTB_CHAR = LanguageModel(
    name="ptb-char",
    title="Penn Treebank, characters (Mikolov's preprocessing; the end of a line is a character)",
    published="RBT at 1,000 units: float 1.39, ternary 1.39, binary 1.43 BPC (test)",
    metric="bpc",
    symbols=50,
    sizes=(5_017_482, 393_042, 442_423),
    files=ptb.FILES,
    parse=_ptb,
)
# Digests: six public projects pin the archive's, two that of the file (read, not downloaded: there was no network).
# Split as in Mikolov et al. 2012, Subword language modeling: 90M/5M/5M.
TEXT8 = LanguageModel(
    name="text8",
    title="text8, characters (Mahoney: the first 10^8 characters of a cleaned Wikipedia of 2006)",
    published="RBT at 2,000 units: float 1.46, ternary 1.51, binary 1.54 BPC (test)",
    metric="bpc",
    symbols=27,
    sizes=(90_000_000, 5_000_000, 5_000_000),
    files=(
        Fetched(
            path="text8/text8",
            sha256="6e890197040d37d85beb962ae1f041ff1d9a9ca8d20c7d99c85027eebf51dca7",
            url="http://mattmahoney.net/dc/text8.zip",
            archive_sha256="a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232",
        ),
    ),
    parse=_utf8,
)

__all__ = ["LINUX", "PTB_CHAR", "SPLITS", "TEXT8", "TINY_SHAKESPEARE", "WAR_AND_PEACE", "Split"]
