"""Vedette's Grafana boards, in the classic dashboard model (Grafana 10 to 13 read it)."""
