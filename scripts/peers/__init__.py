"""The parts of `make peers`: the same experiments with alframe and with other libraries.

Each `with_*.py` is the code that a user of a library writes, with one interface: `label(data, job)`. Each
`ask_*.py` asks a question by a library's query strategies. They run in processes of their own: those of
alframe in its environment, the others in the environment of the peers, which has no alframe.
"""
