"""The network: geometry from landmarks, E_F, E_A and E_P (enrolment), W, M and H (each frame), D (training only)."""
