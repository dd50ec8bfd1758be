"""The machine in synthesizable Verilog: programs, images, simulation, and the comparison with engine `column`."""
