/** What to do about operators that people's models often hold. */
const advice: Readonly<Record<string, string>> = {
  Clip: 'use Relu (ReLU6 and clamp clip)',
  ConvTranspose: 'use Conv',
  Elu: 'use Relu',
  Erf: 'use nn.GELU(approximate="tanh") with opset_version=20',
  GRU: 'recurrent layers cannot be trained; use Conv or Gemm',
  HardSwish: 'use Relu',
  If: 'a graph must not branch; export with the branch taken',
  LSTM: 'recurrent layers cannot be trained; use Conv or Gemm',
  LeakyRelu: 'use Relu',
  Loop: 'a graph must not loop; unroll it',
  PRelu: 'use Relu',
  RNN: 'recurrent layers cannot be trained; use Conv or Gemm',
  Scan: 'a graph must not loop; unroll it',
  Sigmoid: 'use Relu between layers; at the end leave it out and train two classes',
  Softmax: 'it is only supported at the end, as a part of the loss',
  Tanh: 'use Relu; a GELU is one operator with opset_version=20',
}

/** Why an operator is refused, and what to use instead. */
export function instead(operator: string, supported: readonly string[]): string {
  const hint = Object.hasOwn(advice, operator) ? `${advice[operator]}; ` : ''
  return `this operator cannot be trained: ${hint}supported are ${supported.join(', ')}`
}
