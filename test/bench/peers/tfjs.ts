import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Peer, PeerOptions, Work } from './peer.ts'
import { createLoss } from './tfjs-models.ts'
import type { TensorFlow } from './tfjs-types.ts'
import { type Product, type Task, createValues } from './tasks.ts'

/**
 * tfjs on its WebAssembly backend, one thread in Node: models of its core operators, its gradients, its Adam
 * (which has no weight decay). Its kernels lack the gradient of a convolution by its filter and that of a
 * gather; these stand here as a convolution and a one-hot product.
 */
export async function createPeer({ threads, folder }: PeerOptions): Promise<Peer> {
  if (threads > 1) throw new Error('tfjs has one thread in Node')
  const load = createRequire(join(folder, 'package.json'))
  const tf = load('@tensorflow/tfjs') as TensorFlow
  load('@tensorflow/tfjs-backend-wasm')
  if (!(await tf.setBackend('wasm'))) throw new Error('tfjs has no wasm backend')
  await tf.ready()
  return {
    version: tf.version_core,
    open: async (task) => {
      if (task.kind === 'generation') throw new Error('not written for tfjs')
      return task.kind === 'training' ? openTraining(tf, task) : openProduct(tf, task)
    },
  }
}

function openTraining(tf: TensorFlow, { spec }: Extract<Task, { kind: 'training' }>): Work {
  const { loss, close } = createLoss(tf, spec)
  const { optimizer: settings } = spec
  if (settings.kind !== 'adamw') throw new Error('only Adam is written here')
  const { learningRate, beta1, beta2, epsilon } = settings
  const optimizer = tf.train.adam(learningRate, beta1, beta2, epsilon)
  return {
    run() {
      const cost = optimizer.minimize(() => loss(), true)
      cost?.dataSync()
      cost?.dispose()
    },
    close() {
      optimizer.dispose()
      close()
    },
  }
}

function openProduct(tf: TensorFlow, task: Product): Work {
  if (task.kind === 'gemv' && task.ternary) throw new Error('no ternary kernel')
  const { side } = task
  const form = task.kind === 'gemm' ? task.form : 'NN'
  const rows = task.kind === 'gemm' ? side : 1
  const a = tf.tensor(createValues(rows * side), [rows, side])
  const b = tf.tensor(createValues(side * side), [side, side])
  return {
    run() {
      const c = tf.matMul(a, b, form === 'TN', form === 'NT')
      c.dataSync()
      c.dispose()
    },
    close() {
      a.dispose()
      b.dispose()
    },
  }
}
