/** `npm run fix`: repairs what the linter can repair, then formats. */
import { runTool, tools } from './tools.ts'

await runTool(tools.oxlint, ['--type-aware', '--fix'], { isShown: true })
const { exitCode } = await runTool(tools.prettier, ['--write', '--log-level', 'warn', '.'], {
  isShown: true,
})
process.exit(exitCode)
