import type { TrainSpec } from '#wire/spec.ts'
import type { Course, Start, TensorFlow, TfTensor } from './tfjs-types.ts'
import { transformer } from './tfjs-transformer.ts'
import { createBatch, createValues } from './tasks.ts'

/** A model's loss on the benchmark's batch, as tfjs operators over variables. */
export interface TfModel {
  loss(): TfTensor
  close(): void
}

/** Builds the loss of a model spec. */
export function createLoss(tf: TensorFlow, spec: TrainSpec): TfModel {
  const batch = createBatch(spec)
  const { inputShape, batchSize, model } = spec
  const isImage = inputShape.length === 3
  const [channels = 0, height = 0, width = 0] = inputShape
  const shape = isImage ? [batchSize, height, width, channels] : [batchSize, ...inputShape]
  const x =
    batch.x instanceof Int32Array ? tf.tensor(batch.x, shape, 'int32') : tf.tensor(batch.x, shape)
  const labels = tf.tensor(batch.y, [batch.y.length], 'int32')
  const y = tf.cast(tf.oneHot(labels, spec.outputs), 'float32')
  const variables: TfTensor[] = []

  function forward(): TfTensor {
    let next = 0
    const variable: Course['variable'] = (size, start = 'values') => {
      const found = variables[next] ?? tf.variable(initial(tf, size, start))
      variables[next] = found
      next += 1
      return found
    }
    const course = { tf, variable }
    switch (model.kind) {
      case 'mlp':
        return dense(course, x, [...model.hidden, spec.outputs])
      case 'cnn':
        return cnn(course, x, { channels: model.channels, dense: [...model.dense, spec.outputs] })
      case 'transformer':
        return transformer(course, x, { model, vocabulary: spec.outputs })
      default:
        throw new Error(`${model.kind} is not written for tfjs`)
    }
  }

  tf.tidy(forward) // makes the variables, which minimize must find
  return {
    loss: () => crossEntropy(tf, forward(), y),
    close() {
      for (const tensor of [x, labels, y, ...variables]) tensor.dispose()
    },
  }
}

function initial(tf: TensorFlow, shape: readonly number[], start: Start) {
  const count = shape.reduce((product, side) => product * side, 1)
  if (start !== 'values')
    return tf.tensor(new Float32Array(count).fill(start === 'ones' ? 1 : 0), shape)
  const deviation = 1 / Math.sqrt(shape.slice(0, -1).reduce((product, side) => product * side, 1))
  return tf.tensor(
    createValues(count).map((value) => (value - 0.5) * deviation),
    shape,
  )
}

/** Mean over rows of log(sum exp(z)) - z[label], z = x - max(x). */
function crossEntropy(tf: TensorFlow, logits: TfTensor, y: TfTensor): TfTensor {
  const loss = tf.customGrad((...given) => {
    const [x, t, save] = given as [TfTensor, TfTensor, (tensors: TfTensor[]) => void]
    const z = tf.sub(x, tf.max(x, -1, true))
    const logs = tf.sub(z, tf.log(tf.sum(tf.exp(z), -1, true)))
    const value = tf.neg(tf.mean(tf.sum(tf.mul(logs, t), -1)))
    save([logs, t])
    const rows = x.shape[0] ?? 1
    return {
      value,
      gradFunc: (dy, saved) => {
        const [kept, labels] = saved as [TfTensor, TfTensor]
        const dx = tf.mul(tf.div(tf.sub(tf.exp(kept), labels), rows), dy)
        return [dx, tf.neg(tf.mul(kept, tf.div(dy, rows)))]
      },
    }
  })
  return loss(logits, y)
}

function dense({ tf, variable }: Course, x: TfTensor, widths: readonly number[]): TfTensor {
  let h = x
  for (const [i, width] of widths.entries()) {
    const weight = variable([h.shape[1] ?? 0, width])
    h = tf.add(tf.matMul(h, weight), variable([width], 'zeros'))
    if (i < widths.length - 1) h = tf.relu(h)
  }
  return h
}

function cnn(
  course: Course,
  x: TfTensor,
  { channels, dense: widths }: { channels: readonly number[]; dense: readonly number[] },
): TfTensor {
  const { tf, variable } = course
  const conv = convolution(tf)
  let h = x // [batch, height, width, channels]
  for (const out of channels) {
    const filter = variable([3, 3, h.shape[3] ?? 0, out])
    h = tf.relu(tf.add(conv(h, filter), variable([out], 'zeros')))
    h = tf.maxPool(h, 2, 2, 'valid')
  }
  const [batch = 0, ...sides] = h.shape
  const flat = tf.reshape(h, [batch, sides.reduce((product, side) => product * side, 1)])
  return dense(course, flat, widths)
}

/** A 3 x 3 convolution whose gradient by the filter is a convolution over images. */
function convolution(tf: TensorFlow): (x: TfTensor, filter: TfTensor) => TfTensor {
  return tf.customGrad((...given) => {
    const [x, filter, save] = given as [TfTensor, TfTensor, (tensors: TfTensor[]) => void]
    save([x, filter])
    return {
      value: tf.conv2d(x, filter, 1, 'same'),
      gradFunc: (dy, saved) => {
        const [input, weights] = saved as [TfTensor, TfTensor]
        const dx = tf.conv2dTranspose(dy, weights, input.shape, 1, 'same')
        const turned = tf.transpose(input, [3, 1, 2, 0]) // [c, h, w, batch]
        const kernel = tf.transpose(dy, [1, 2, 0, 3]) // [h, w, batch, o]
        const dw = tf.transpose(tf.conv2d(turned, kernel, 1, 1), [1, 2, 0, 3]) // [3, 3, c, o]
        return [dx, dw]
      },
    }
  })
}
