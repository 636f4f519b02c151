/** What to do about layers that people's models often hold. */
const advice: Readonly<Record<string, string>> = {
  Bidirectional: 'recurrent layers cannot be trained; use Conv2D or Dense',
  Conv1D: 'use Conv2D',
  Conv2DTranspose: 'use Conv2D',
  Conv3D: 'use Conv2D',
  ELU: 'use ReLU',
  Embedding:
    'leave out --model: a table with a column of texts becomes a bag of embeddings of its words',
  Functional: 'a model inside of a model cannot be trained; add its layers themselves',
  GRU: 'recurrent layers cannot be trained; use Conv2D or Dense',
  GlobalMaxPooling2D: 'use GlobalAveragePooling2D',
  LSTM: 'recurrent layers cannot be trained; use Conv2D or Dense',
  Lambda: 'a layer of code cannot be trained',
  LeakyReLU: 'use ReLU',
  Model: 'a model inside of a model cannot be trained; add its layers themselves',
  PReLU: 'use ReLU',
  SeparableConv2D: 'use DepthwiseConv2D and a Conv2D of 1 x 1',
  Sequential: 'a model inside of a model cannot be trained; add its layers themselves',
  SimpleRNN: 'recurrent layers cannot be trained; use Conv2D or Dense',
  Softmax: 'it is only supported at the end, as a part of the loss',
  UpSampling2D: 'use Conv2D',
  ZeroPadding2D: 'use the padding "same" of Conv2D',
}

const activationAdvice: Readonly<Record<string, string>> = {
  gelu: 'use gelu_new, the form by tanh',
  sigmoid: 'use relu between layers; at the end leave it out and train two classes',
  softmax: 'it is only supported at the end, as a part of the loss',
}

/** Why a layer is refused, and what to use instead. */
export function insteadOfLayer(operator: string, supported: readonly string[]): string {
  const hint = Object.hasOwn(advice, operator) ? `${advice[operator]}; ` : ''
  return `this layer cannot be trained: ${hint}supported are ${supported.join(', ')}`
}

/** Why an activation is refused, and what to use instead. */
export function insteadOfActivation(name: string): string {
  const hint = Object.hasOwn(activationAdvice, name) ? activationAdvice[name] : 'use relu'
  return `the activation ${name} cannot be trained: ${hint}`
}
