import type { TransformerSpec } from '#wire/spec.ts'
import type { Course, TensorFlow, TfTensor } from './tfjs-types.ts'

const epsilon = 1e-5

/** A transformer as GPT-2's, with a tied head: tokens [batch, context] -> logits [batch * context, vocabulary]. */
export function transformer(
  course: Course,
  x: TfTensor,
  { model, vocabulary }: { model: TransformerSpec; vocabulary: number },
): TfTensor {
  const { tf, variable } = course
  const [batch = 0, context = 0] = x.shape
  const { width, heads, layers, hidden } = model
  const rows = batch * context
  const table = variable([vocabulary, width])
  const places = variable([context, width])
  const tokens = tf.cast(tf.oneHot(tf.reshape(x, [rows]), vocabulary), 'float32')
  const embedded = tf.reshape(embed(tf)(table, tokens), [batch, context, width])
  let h = tf.reshape(tf.add(embedded, places), [rows, width])
  const mask = causalMask(tf, context)
  for (let layer = 0; layer < layers; layer += 1) {
    const a = norm(course, h)
    const [q, k, v] = ['query', 'key', 'value'].map(() =>
      tf.transpose(
        tf.reshape(linear(course, a, width), [batch, context, heads, width / heads]),
        [0, 2, 1, 3],
      ),
    ) as [TfTensor, TfTensor, TfTensor]
    const scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(width / heads))
    const seen = tf.matMul(tf.softmax(tf.add(scores, mask)), v)
    const joined = tf.reshape(tf.transpose(seen, [0, 2, 1, 3]), [rows, width])
    h = tf.add(h, linear(course, joined, width))
    h = tf.add(h, linear(course, gelu(tf, linear(course, norm(course, h), hidden)), width))
  }
  return tf.matMul(norm(course, h), table, false, true)
}

function linear({ tf, variable }: Course, x: TfTensor, width: number): TfTensor {
  const weight = variable([x.shape[1] ?? 0, width])
  return tf.add(tf.matMul(x, weight), variable([width], 'zeros'))
}

function norm({ tf, variable }: Course, x: TfTensor): TfTensor {
  const width = x.shape[1] ?? 0
  const centred = tf.sub(x, tf.mean(x, -1, true))
  const variance = tf.mean(tf.square(centred), -1, true)
  const normal = tf.div(centred, tf.sqrt(tf.add(variance, tf.scalar(epsilon))))
  return tf.add(tf.mul(normal, variable([width], 'ones')), variable([width], 'zeros'))
}

function gelu(tf: TensorFlow, x: TfTensor): TfTensor {
  const cubic = tf.mul(tf.mul(tf.square(x), x), 0.044715)
  const t = tf.tanh(tf.mul(tf.add(x, cubic), 0.7978845608))
  return tf.mul(tf.mul(x, 0.5), tf.add(t, tf.scalar(1)))
}

function causalMask(tf: TensorFlow, context: number): TfTensor {
  const values = Float32Array.from({ length: context * context }, (_, i) =>
    i % context <= Math.floor(i / context) ? 0 : -1e9,
  )
  return tf.tensor(values, [context, context])
}

/** Rows of the table by one-hot tokens; the gradient is the product turned. */
function embed(tf: TensorFlow): (table: TfTensor, tokens: TfTensor) => TfTensor {
  return (table, tokens) => tf.matMul(tokens, table)
}
