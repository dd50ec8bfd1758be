"""The machine in synthesizable Verilog: programs, memory images, simulation, and the comparison with engine `column`."""
