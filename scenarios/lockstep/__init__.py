"""Lockstep: any client program in virtual time. docs/lockstep-protocol.md says how the two sides speak.

In reading order:

client        a ClientUnderTest that is a program: steps as lines of its standard input, answers as lines of its output
inputs        what has happened for a program since it went on last, and the wait for it
network       what the program sends, into the world; what the world answers, back
process       a running program: its channel, its pipes, its end; those that fork are kept between runs
program_stacks  where its threads are, when it does not come to rest
protocol      the messages
shims/        what is put into the program's process, one folder for each language
"""
