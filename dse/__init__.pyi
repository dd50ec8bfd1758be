# Types of the names that `__init__.py` loads when they are first used.
from dse.interface import Search as Search
from dse.interface import load_search as load_search
from dse.interface import search as search
from dse.space.space import Space as Space
from dse.space.space import load_space as load_space
