"""How Camunda itself is got, started, watched and stopped: `local`, `embedded` and `remote` behind one seam."""
