# Every net that torchvision, timm or Keras has against it, outputs and all: the better part of an hour on two cores.
parity:
	sh -euc '. scripts/setup.sh; set_up'
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,parity]'
	.venv/bin/python tests/parity.py --save docs/parity.md

.PHONY: parity
