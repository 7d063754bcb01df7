"""Every system, alone and refined, on the fixed cases: all metrics, failures, seconds, memory."""
