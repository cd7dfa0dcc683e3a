"""Everything about the 18 joints: names, bones, limbs, proportions, retargeting, drawing, file formats of joints."""
