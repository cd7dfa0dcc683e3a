"""The puppet: limbs cut from the picture and moved in its plane."""
