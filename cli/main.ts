/** The command line. Little is loaded before it is known which command runs: `--version` is answered at once. */
import packageJson from '#package.json' with { type: 'json' }

const argv = process.argv.slice(2)
if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
  console.log(packageJson.version)
} else {
  const { keepCompiled } = await import('./compile-cache.ts')
  keepCompiled()
  const { runProgram } = await import('./program.ts')
  const exitCode = await runProgram(argv, packageJson.version)
  // What is still open (sockets, timers of libraries) must not hold the process; what is printed must go out.
  process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)))
}
