"""People in pictures: detectors, masks, the embedded network."""
