"""How a plan is carried out: schedule, ledger, agent, supervision. Knows seams, never a variant."""
