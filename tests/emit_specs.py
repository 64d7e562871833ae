"""Small specs that between them hold every way in which blocks, streams and repetitions meet."""

from __future__ import annotations

RESNET = """
def bottleneck(width, stride = 1) {
  residual project {
    conv width 1x1 -> bn -> relu -> conv width 3x3/stride+1 -> bn -> relu -> conv (4*width) 1x1 -> bn
  } -> relu
}
def stage(block, width, depth, stride = 2) { block width stride=stride -> (block width) * (depth - 1) }
net resnet(classes = 10) {
  about { title = "A small ResNet"; year = 2015; paper = "arXiv:1512.03385"; }
  input 3x64x64
  conv 16 7x7/2+3 -> bn -> relu -> maxpool 3x3/2+1
  -> for (width, depth, stride) in (8, 3, 1) (16, 4, 2) (32, 6, 2) (64, 2, 2) { stage bottleneck width depth stride=stride }
  -> globalavgpool -> fc classes
}
"""
INCEPTION = """
def conv_relu(n, window) { conv n window -> relu }
def inception(n1, r3, n3, r5, n5, pool) {
  concat {
  | conv_relu n1 1x1
  | conv_relu r3 1x1 -> conv_relu n3 3x3+1
  | conv_relu r5 1x1 -> conv_relu n5 5x5+2
  | maxpool 3x3/1+1  -> conv_relu pool 1x1
  }
}
def classifier(classes) { avgpool 5x5/3 -> conv_relu 16 1x1 -> flatten -> fc 24 -> relu -> fc classes }
net googlenet(classes = 10) {
  input 3x64x64
  conv_relu 8 3x3/2+1 -> maxpool 3x3/2 ceil -> lrn
  -> inception 16 8 16 4 8 8 as i3a -> inception 12 6 18 3 9 3 as i3b
  -> inception 24 12 26 2 6 8 as i4a -> aux { classifier classes }
  -> inception 20 14 28 3 8 8 as i4b -> aux second { classifier classes }
  -> globalavgpool -> fc classes
}
"""
MOBILENET = """
def inverted(out, expand, stride) {
  residual optional {
    if expand > 1 { conv (expand * channels) 1x1 -> bn -> relu6 }
    -> dwconv 3x3/stride+1 -> bn -> relu6 -> conv out 1x1 -> bn
  }
}
net mobilenet {
  input 3x32x32
  conv 8 3x3/2+1 -> bn -> relu6
  -> for (t, c, n, s) in (1, 4, 1, 1) (6, 6, 2, 2) (4, 8, 3, 2) (6, 12, 4, 2) { inverted c t s -> (inverted c t 1) * (n - 1) }
  -> conv 32 1x1 -> bn -> relu6 -> globalavgpool -> fc 10
}
"""
UNET = """
def double(n) { (conv n 3x3+1 -> bn -> relu) * 2 }
def unet(n, depth) {
  if depth == 0 { double n }
  else { double n as skip -> maxpool 2x2/2 -> unet (2*n) (depth - 1) -> deconv n 2x2/2 -> concat { @skip | id } -> double n }
}
net small_unet { input 1x32x32 unet 4 3 -> conv 2 1x1 }
"""
SIAMESE = """
def tower { (conv 8 3x3+1 -> bn -> relu -> maxpool 2x2/2) * 2 -> flatten }
net twins { input 1x20x20 as left  input 1x20x20 as right
  each shared { tower } -> sub -> abs -> fc 1 -> sigmoid }
"""
NASNET = """
def sep(n, window) { relu -> sepconv n window same -> bn }
def squeeze(n) { relu -> conv n 1x1 -> bn }
def fit(n, target) on x { if @target.height == @x.height { squeeze n } else { relu -> conv n 1x1/2 -> bn } }
def normal(n) on before, x {
  let p = @before -> fit n @x;
  let h = @x -> squeeze n;
  let y = concat {
    | @p
    | add { @h -> sep n 5x5 | @p -> sep n 3x3 }
    | add { @h -> avgpool 3x3/1 same | @p }
    | add { @p -> avgpool 3x3/1 same | @p -> avgpool 3x3/1 same }
  };
  branch { @x | @y }
}
net cells {
  input 3x16x16
  conv 4 3x3+1 -> bn as stem -> branch { id | conv 6 3x3/2+1 } -> (normal 3) * 6 -> concat -> globalavgpool -> fc 10
}
"""
DENSENET = """
def dense(k) { concat { id | bn -> relu -> conv (4*k) 1x1 -> bn -> relu -> conv k 3x3+1 } }
def block(k, n) { (dense k) * n }
net dense_net { input 3x16x16
  conv 8 3x3+1 -> block 4 5 -> bn -> relu -> conv 14 1x1 -> avgpool 2x2 -> block 4 7 -> (bn -> relu -> conv 6 3x3+1) * 5
  -> for k in 2 4 6 8 { concat { id | conv k 3x3+1 } } -> globalavgpool -> fc 10 }
"""
LONG = "net long { input 3x8x8 conv 8 3x3+1 -> (conv 8 3x3+1 -> bn -> relu) * 60 -> globalavgpool -> fc 10 }"
NESTED = """
net nested { input 4x16x16
  ((conv 4 3x3+1 -> relu) * 4 -> bn) * 3 -> ((conv 4 3x3+1 -> elu) * 2 -> maxpool 2x2/2) * 3 -> flatten -> fc 10 }
"""
PATHS = """
net paths { input 8x8x8
  conv 8 3x3+1 as c -> residual { each k in 1..9 { conv (4*k) 1x1 -> relu -> conv 8 3x3+1 } -> add }
  -> branch { conv 3 1x1 | each k in 1..6 { conv 4 1x1 } -> concat as count | @c -> conv 3 1x1 } }
"""
SEGNET = """
def seg(n, depth) {
  conv n 3x3+1 -> bn -> relu
  -> if depth > 0 { maxpool 2x2/2 as p -> seg (2*n) (depth - 1) -> conv n 3x3+1 -> unpool @p } -> conv n 3x3+1
}
net segnet { input 3x16x16 seg 4 3 -> conv 3 1x1 }
"""
AUX_INSIDE = """
def unit(n) { conv n 3x3+1 -> aux { conv 3 1x1 -> globalavgpool } -> relu }
net inside { input 3x8x8 unit 8 -> (unit 8) * 3 as body -> fc 10 }
"""
SHARED_SIZES = """
def head(n) { conv n 3x3+1 -> relu }
net pyramid { input 3x16x16
  let a = conv 8 3x3+1;
  let b = conv 8 3x3/2+1;
  branch { @a | @b } -> each shared { conv 8 3x3+1 -> bn -> relu as r -> head 4 -> conv 2 1x1 } -> each { globalavgpool }
  -> concat -> fc 3 }
"""
TIED = """
def atrous(n) { conv 8 3x3+n dilation=n -> bn -> relu }
net tied { input 8x8x8
  each shared k in 1 2 { conv 8 3x3 same dilation=k bias=false -> bn -> relu } -> add
  -> each shared n in 2 3 { atrous n } -> concat -> globalavgpool -> fc 3 }
"""
ATTENTION = """
def gate(r, c) { mul { id | globalavgpool -> conv (c // r) 1x1 -> relu -> conv c 1x1 -> sigmoid } }
def unit(n, r) { residual { conv n 3x3+1 -> bn -> relu -> conv n 3x3+1 -> bn -> gate r channels } -> relu }
net gated { input 3x16x16 conv 16 3x3+1 -> (unit 16 4) * 4 -> globalavgpool -> fc 10 }
"""
BUNDLES = """
net bundles { input 8x8x8 split 4 -> each { conv 2 3x3+1 -> relu } -> concat -> split 2 -> sub -> globalavgpool -> fc 3 }
"""
FIXED = """
net frozen { default bn eps=0.001; input 3x8x8
  conv 8 3x3+1 fixed -> bn -> relu -> conv 4 1x1 -> scale 2 per_channel -> globalavgpool -> fc 3 -> softmax }
"""
ASPP = """
net aspp { input 8x9x9
  branch { conv 8 1x1 -> bn | conv 8 3x3+1 -> bn | conv 8 3x3+1 -> bn | conv 8 3x3+1 -> bn } -> add
  -> concat { conv 8 1x1 -> bn -> relu | each k in 2 4 6 { conv 8 3x3 same dilation=k -> bn -> relu } } -> fc 3 }
"""
UNSET = """
def decode(n, skip, o) {
  conv n 1x1 -> upsample like=@skip bilinear -> pad 1 -> if o { crop like=@skip offset=1 } else { crop like=@skip }
}
net unset { input 4x8x8 as s
  maxpool 2x2 -> decode 4 @s true -> maxpool 2x2 -> decode 6 @s false -> maxpool 2x2 -> decode 8 @s false -> fc 3 }
"""
WRAPPED = """
net wrapped { input 4x6x6
  mean {
  | bn -> relu -> maxpool 3x3/1 same | bn -> relu -> maxpool 3x3/1 same | bn -> relu -> maxpool 3x3/1 same
  } -> fc 3 }
"""
NETWORKS = {name.lower(): text for name, text in globals().copy().items() if name.isupper() and isinstance(text, str)}
