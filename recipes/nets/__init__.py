"""The networks of the recipes, and the program that writes them into prototxt/.

    table.py        name -> network
    face_net.py     a network about faces, and its files
    layers.py       adds layers to a NetParameter
    residual.py     the layers of FaceRes and its like

Every other module holds the layers of one family.
"""
