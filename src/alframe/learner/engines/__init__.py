"""Engines run fits, and run networks over images when a trial scores them.

The reference engine is a plain Lightning Trainer. The graph engine gives the same results and is faster on
CUDA. A training step of a small network is about 60 GPU kernels of a few microseconds each, and launching a
kernel from Python takes longer than running it. A CUDA graph is a list of kernels that was recorded once; one
call launches all of them.

How a step is recorded:

1. `GraphEngine` checks that the fit can be recorded. If not, it warns once and uses the reference engine.
2. `RecordedStep` copies the module. The copy has its own memory, because a graph reads and writes fixed
   addresses. A fit's own module is tied to the copy: it shares the copy's memory while the fit runs.
3. Everything that changes from step to step lies on the device: rows of image indices, learning rates,
   losses, logged values, the states of random generators. A counter on the device selects the next row.
4. The step runs three times as usual, so that memory and kernels are set up. Then one step and a chunk of 16
   steps are recorded. A few replayed steps are compared with normal ones: a step that counts in Python or
   replaces a tensor gives other losses and is refused.

How it is replayed: a Lightning Trainer runs the fit as usual, but each of its batches is a table of steps.
`Replayer` replaces the module's steps, replays the graph for each row and reports losses and logged
values to the Trainer. Jobs with equal `FitJob.program` use one recording, so later rounds record nothing.

Several fits at once: `PackedEngine` trains the fits of several trials as one. Their weights and statistics
lie side by side, and `torch.vmap` runs the training step for all of them. Each trial is a thread with its
own Trainer. A thread waits when its fit has submitted a table of steps. When all threads wait, the steps are
taken together until the first table is used up. Each replica has its own labels, order, random numbers,
optimizer state and learning rate, so that its fit is the fit alone, up to rounding.

The files:

- `reference.py`: the reference engine, early stopping, the check that losses are finite.
- `choose.py`: the choice of `engine=auto`.
- `replay_engine.py`: what replaying engines share, and how they fall back to another engine.
- `graph.py`: the graph engine.
- `replay_callback.py`: a Trainer whose batches are tables of steps.
- `replay_checks.py`: checks whether a fit can be recorded.
- `step_program.py`: one recorded training step. `validation_step.py`: one recorded validation step.
- `memory_sharing.py`: sharing of memory between a fit's module and the recorded copy.
- `tensor_slots.py`: the tensors and generators of a module; the private copy.
- `index_table.py`, `value_tables.py`: tables on the device: indices; learning rates and logged values.
- `flat_parameters.py`: all weights in one buffer, so that the optimizer moves them as one tensor.
- `capture.py`: the few lines that record a CUDA graph. Tests replace it by an emulated graph for the CPU.
- `graph_forward.py`: recorded forward passes for scoring.
- `packed.py`: the packed engine. `turns.py`: its threads, of which one works at a time.
- `replica.py`: one fit among several. `stacked_step.py`: the step of all.
- `stacked_module.py`, `stacked_optimizer.py`: the tensors of all replicas side by side, and what moves them.
- `own_draws.py`: random numbers of each replica from its own generators.

docs/background/results/speed-gpu.md has the measured speed-ups, docs/background/speed.md the reasons. `make
bench` measures both engines against a plain Lightning script, the raw loop and, on CUDA, the raw loop under
`torch.compile` and in graphs of torch's own. `scripts/benchmarks/time_replicas.py` measures fits together.

Engines may import the `interfaces`, `module`, `batches`, `networks`, `compute` and `scoring` of this package.
Recipes and the learner use an engine through the protocol `Engine` only.
"""
