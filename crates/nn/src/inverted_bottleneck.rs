use candle_core::Tensor;

use crate::{
    Activation, DepthwiseConvolution, Linear, PlaneConvolution, Result, SameAxis, Then,
    kernel::{self, Threads},
    packed::{self, Bottleneck, Matrix, Source},
};

/// An inverted bottleneck ([Sandler et al. 2018](https://arxiv.org/abs/1801.04381)): a product to more channels, a
/// depthwise convolution, and a product to fewer channels.
pub struct InvertedBottleneck {
    widen: Expansion,
    depthwise: DepthwiseConvolution,
    project: Linear,
    residual: bool,
    /// For the fused form: bias and weights of the convolution in the order in which it reads them.
    learned: Option<packed::Aligned>,
}

/// The expansion to the channels of the depthwise convolution, followed by ReLU6.
pub enum Expansion {
    /// A product with each pixel's channels.
    Product(Linear),
    /// A convolution over colour planes.
    Planes(PlaneConvolution),
    /// No expansion and no ReLU6: the input already has these channels.
    Nothing,
}

impl InvertedBottleneck {
    /// Combines the three parts. With `residual`, the input is added to the output, which must have its shape.
    ///
    /// # Errors
    /// When weights cannot be read.
    ///
    /// # Panics
    /// When the parts' shapes do not match.
    pub fn new(
        widen: Expansion,
        depthwise: DepthwiseConvolution,
        project: Linear,
        residual: bool,
    ) -> Result<Self> {
        assert!(
            widen
                .linear()
                .is_none_or(|linear| linear.outputs() == project.inputs())
                && depthwise.channels() == project.inputs(),
            "the parts' shapes match"
        );
        let parameters = [&depthwise.weight, &depthwise.bias];
        let matrices = widen.linear().and_then(Linear::matrix);
        let matrices = matrices.filter(|_| project.matrix().is_some() && depthwise.size > 0);
        let learned = match matrices {
            Some(matrix) if kernel::fusible(&parameters) => {
                Some(kernel::with_numbers(&parameters, |numbers| {
                    packed::learned(numbers[0], numbers[1], matrix)
                })?)
            }
            _ => None,
        };
        Ok(Self {
            widen,
            depthwise,
            project,
            residual,
            learned,
        })
    }

    /// (batch, height, width, inputs), or (batch, colours, height, width) for [planes](Expansion::Planes), → (batch,
    /// height / stride, width / stride, outputs), rounded up.
    ///
    /// # Errors
    /// When `input` has another shape.
    pub fn forward(&self, input: &Tensor, threads: Threads) -> Result<Tensor> {
        let matrices = (
            self.widen.linear().and_then(Linear::matrix),
            self.project.matrix(),
        );
        match (matrices, &self.learned) {
            ((Some(widen), Some(project)), Some(learned)) if kernel::fusible(&[input]) => {
                self.fused(input, (widen, learned, project), threads)
            }
            _ => self.plain(input),
        }
    }

    fn plain(&self, input: &Tensor) -> Result<Tensor> {
        let inner = match &self.widen {
            Expansion::Product(product) => {
                product.forward_then(input, Then::activating(Activation::Relu6))?
            }
            Expansion::Planes(convolution) => convolution.forward(input)?,
            Expansion::Nothing => input.clone(),
        };
        let inner = self.depthwise.forward(&inner)?;
        if self.residual {
            self.project.forward_then(&inner, Then::adding(input))
        } else {
            self.project.forward(&inner)
        }
    }

    fn fused(
        &self,
        input: &Tensor,
        (widen, learned, project): (&Matrix, &[f32], &Matrix),
        threads: Threads,
    ) -> Result<Tensor> {
        let batch = input.dim(0)?;
        let planes = match &self.widen {
            Expansion::Planes(convolution) => Some(convolution.planes(input)?),
            _ => None,
        };
        let (height, width, inputs) = match planes {
            Some(planes) => (planes.rows.output, planes.columns.output, planes.seen()),
            None => (input.dim(1)?, input.dim(2)?, input.dim(3)?),
        };
        if planes.is_none() || inputs != widen.inputs() {
            kernel::expect_shape(input, &[batch, height, width, widen.inputs()])?;
        }
        let bottleneck = Bottleneck {
            widen,
            learned,
            size: self.depthwise.size,
            rows: SameAxis::new(height, self.depthwise.size, self.depthwise.stride),
            columns: SameAxis::new(width, self.depthwise.size, self.depthwise.stride),
            project,
        };
        let [rows, columns] = [bottleneck.rows.output, bottleneck.columns.output];
        let shape = (batch, rows, columns, project.outputs());
        if self.residual {
            kernel::expect_shape(input, &[batch, rows, columns, project.outputs()])?;
        }
        kernel::compute([input], shape, |[numbers]| {
            let source = match planes {
                Some(planes) => Source::Planes(numbers, planes),
                None => Source::Pixels(numbers),
            };
            let addend = self.residual.then_some(numbers);
            bottleneck.forward(source, addend, batch, threads)
        })
    }
}

impl Expansion {
    fn linear(&self) -> Option<&Linear> {
        match self {
            Self::Product(linear) => Some(linear),
            Self::Planes(convolution) => Some(&convolution.product),
            Self::Nothing => None,
        }
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::{Arithmetic, Instructions, Precision, Weights};

    /// A convolution's size and stride.
    type Kernel = (usize, usize);

    fn random(shape: &[usize], scale: f32) -> Tensor {
        crate::random::normal(0.0, scale, shape)
    }

    /// Compares the fused form with the plain one, on one thread and on several.
    #[track_caller]
    fn case(shape: [usize; 4], planes: Option<Kernel>, inner: usize, (size, stride): Kernel) {
        let inputs = match planes {
            Some((size, _)) => size * size * shape[1],
            None => shape[3],
        };
        // Of the input's shape where possible.
        let (outputs, residual) = match (planes, stride) {
            (None, 1) => (inputs, true),
            _ => (inputs + 3, false),
        };
        let tensors = [
            random(&[inner, inputs], (1.0 / inputs as f32).sqrt()),
            random(&[inner], 1.0),
            random(&[size * size, inner], 1.0),
            random(&[inner], 1.0),
            random(&[outputs, inner], (1.0 / inner as f32).sqrt()),
            random(&[outputs], 1.0),
        ];
        let bottleneck = |weights: Option<&Weights<'_>>| {
            let linear = |first: usize| {
                let bias = Some(tensors[first + 1].clone());
                let leaves = Linear::from_tensors(tensors[first].clone(), bias).unwrap();
                match weights {
                    Some(weights) => leaves.packed(weights).unwrap(),
                    None => leaves,
                }
            };
            let widen = match planes {
                Some((size, stride)) => {
                    Expansion::Planes(PlaneConvolution::new(linear(0), size, stride))
                }
                None => Expansion::Product(linear(0)),
            };
            let depthwise = DepthwiseConvolution {
                weight: tensors[2].clone(),
                bias: tensors[3].clone(),
                size,
                stride,
            };
            InvertedBottleneck::new(widen, depthwise, linear(4), residual).unwrap()
        };
        let input = random(&shape, 1.0);
        let plain = bottleneck(None).forward(&input, Threads::One).unwrap();
        let largest = plain.abs().unwrap().max_all().unwrap();
        let largest = largest.to_scalar::<f32>().unwrap();
        for instructions in Instructions::available() {
            for (precision, limit) in [
                (Precision::F32, 1e-5),
                (Precision::Bf16, 0.02),
                (Precision::Int8, 0.05),
            ] {
                let arithmetic = Arithmetic {
                    precision,
                    instructions,
                };
                let packed = bottleneck(Some(&Weights::none().packed_for(arithmetic)));
                assert!(packed.learned.is_some());
                for threads in [Threads::One, Threads::All] {
                    let fused = packed.forward(&input, threads).unwrap();
                    let off = kernel::largest_difference(&fused, &plain) / largest;
                    assert!(
                        off < limit,
                        "{shape:?}, {arithmetic:?}: the forms differ by {off}"
                    );
                }
            }
        }
    }

    #[test]
    fn forms_agree() {
        case([2, 7, 7, 16], None, 96, (5, 1));
        case([1, 14, 14, 24], None, 48, (3, 2));
        case([3, 6, 9, 5], None, 20, (5, 1));
        case([2, 1, 2, 3], None, 7, (5, 2));
        case([1, 10, 50, 20], None, 70, (3, 3));
        case([1, 5, 5, 2], None, 3, (1, 2));
    }

    #[test]
    fn large_pictures_agree() {
        // Several steps, which keep lines in between.
        case([2, 60, 58, 6], None, 40, (5, 1));
        case([1, 64, 112, 6], None, 33, (3, 2));
    }

    #[test]
    fn planes_agree() {
        case([2, 3, 32, 30], Some((3, 2)), 32, (3, 1));
        case([1, 3, 224, 224], Some((3, 2)), 16, (3, 1));
        case([1, 2, 9, 8], Some((5, 3)), 10, (3, 2));
    }

    #[test]
    fn other_shapes_are_refused() {
        let linear = |inputs, outputs| {
            let bias = Some(random(&[outputs], 1.0));
            let leaves = Linear::from_tensors(random(&[outputs, inputs], 1.0), bias).unwrap();
            leaves.packed(&Weights::none()).unwrap()
        };
        let depthwise = DepthwiseConvolution {
            weight: random(&[9, 8], 1.0),
            bias: random(&[8], 1.0),
            size: 3,
            stride: 1,
        };
        let widen = Expansion::Product(linear(4, 8));
        let bottleneck = InvertedBottleneck::new(widen, depthwise, linear(8, 4), true).unwrap();
        for shape in [[1, 5, 5, 3], [1, 5, 5, 8]] {
            let input = random(&shape, 1.0);
            assert!(bottleneck.forward(&input, Threads::One).is_err());
        }
    }
}
