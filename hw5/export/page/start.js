// Show the input that suits the model.
"use strict";

model.image_shape ? pad() : form();
