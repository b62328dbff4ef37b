"""What every system trusts: money, instruments, time, identity, fencing, errors, audit."""
