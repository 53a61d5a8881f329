"""What a discriminator learnt without labels, as vectors, and classifiers of such vectors."""
