import { elementwise } from './dense.ts'

export const gelu = elementwise((kernels, ins, { y, count }) => {
  kernels.gelu(ins[0] as number, y, count)
})

export const geluErf = elementwise((kernels, ins, { y, count }) => {
  kernels.geluErf(ins[0] as number, y, count)
})

export const geluErfGradient = elementwise((kernels, ins, { y: dx, count }) => {
  const [x, dy] = ins as [number, number]
  kernels.geluErfGradient(x, dy, dx, count)
})

export const geluGradient = elementwise((kernels, ins, { y: dx, count }) => {
  const [x, dy] = ins as [number, number]
  kernels.geluGradient(x, dy, dx, count)
})

export const mul = elementwise((kernels, ins, { y, count }) => {
  const [a, b] = ins as [number, number]
  kernels.multiply(a, b, y, count)
})

export const silu = elementwise((kernels, ins, { y, count }) => {
  kernels.silu(ins[0] as number, y, count)
})

export const siluGradient = elementwise((kernels, ins, { y: dx, count }) => {
  const [x, dy] = ins as [number, number]
  kernels.siluGradient(x, dy, dx, count)
})
