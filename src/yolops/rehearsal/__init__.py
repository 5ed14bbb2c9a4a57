"""The simulated AWS on this machine: moto, what it lacks, and real MLflow servers where AWS would run them.

rehearsal.py     starts, finds and ends the one server process of a workspace
environment.py   what a program must have in its environment to talk to it, and to nothing else
server.py        that process
simulated_aws.py puts it together: moto behind a gate, on 127.0.0.1
gate.py          counts what moto lacks, and routes what is meant for an MLflow server
extension.py     what is put into moto, one file per thing: domains, spaces, mlflow, training_jobs, budgets,
                 addresses, tags, and corrections of what it gets wrong
reconciler.py    keeps the real MLflow servers (machines.py), databases, instances and training jobs in step with what
                 AWS says should run
job_run.py       one training job from its first status to its last, in job_container.py
snapshot.py      what is kept while the process is away
"""
