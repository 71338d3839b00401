"""MPEG-DASH: MPDs (ISO/IEC 23009-1), their segments and clocks, and what goes wrong with them."""
