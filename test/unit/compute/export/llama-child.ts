/** Greedy tokens of a GGUF file by llama.cpp: argv is the package's folder, the file, a JSON list of tokens, a count. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

interface Llama {
  getLlama(options: object): Promise<{
    loadModel(options: object): Promise<{
      createContext(options: object): Promise<{
        getSequence(): {
          evaluate(tokens: readonly number[], options: object): AsyncIterable<number>
        }
      }>
      tokenize(text: string): readonly number[]
      dispose(): Promise<void>
    }>
  }>
}

const [folder = '', modelPath = '', tokensText = '[]', countText = '0', text = ''] =
  process.argv.slice(2)
const entry = createRequire(join(folder, 'index.js')).resolve('node-llama-cpp')
const { getLlama } = (await import(pathToFileURL(entry).href)) as Llama
const llama = await getLlama({
  build: 'never',
  skipDownload: true,
  gpu: false,
  logLevel: 'error',
  maxThreads: 1,
})
const model = await llama.loadModel({ modelPath, gpuLayers: 0 })
const context = await model.createContext({ contextSize: 256, threads: 1 })
const tokens: number[] = []
const prompt = JSON.parse(tokensText) as number[]
for await (const token of context.getSequence().evaluate(prompt, { temperature: 0 })) {
  tokens.push(token)
  if (tokens.length >= Number(countText)) break
}
console.log(JSON.stringify({ tokens, text: [...model.tokenize(text)] }))
await model.dispose()
process.exit(0)
