# Types of the names that `__init__.py` loads when they are first used.
from archsim.design import Design as Design
from archsim.design import load_design as load_design
from archsim.errors import BadInput as BadInput
from archsim.interface import simulate as simulate
from archsim.report import SimReport as SimReport
from archsim.simulation import Job as Job
from archsim.simulation import simulate_many as simulate_many
from archsim.sweeps import Sweep as Sweep
from archsim.sweeps import sweep as sweep
from archsim.trace import Trace as Trace
from archsim.trace import synthesize as synthesize
