/** `npm run gen`: writes every generated file that is committed. Tests compare them with their sources. */
import { isThere, runTool } from './tools.ts'

for (const script of ['gen-abi', 'build-kernels', 'gen-notice']) {
  const file = `scripts/${script}.ts`
  if (!isThere(file)) continue
  console.log(`== ${script}`)
  const { exitCode } = await runTool(file, [], { isShown: true })
  if (exitCode !== 0) process.exit(exitCode)
}
