"""Completion by geometric morphometrics and thin-plate splines (Marreiros et al., IJCARS 2016): nothing is learnt."""
