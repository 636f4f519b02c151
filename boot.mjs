#!/usr/bin/env node
// Starts a TypeScript entry with Node 24 or newer: the host's own, else the one that `npm ci` installed.
//   node boot.mjs <entry.ts|.mjs|.js inside this folder> [arguments]   or   quern [arguments]
// Plain JavaScript that any Node from 18 on runs. Signals go to the child, its exit code comes back.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const majorMin = 24
const exitNoRuntime = 78
const root = dirname(fileURLToPath(import.meta.url))
const commandLine = resolve(root, 'cli/main.ts')

const node = findNode()
if (node === undefined) {
  const machine = `${process.platform}-${process.arch}`
  console.error(
    `quern needs Node ${majorMin} or newer. This is Node ${process.versions.node}, and no packaged Node for ` +
      `${machine} is installed. "npm ci" brings one for linux-x64, linux-arm64 and win32-x64; ` +
      `elsewhere install Node ${majorMin} first.`,
  )
  process.exit(exitNoRuntime)
}
run(node)

function findNode() {
  const wanted = process.env.QUERN_NODE_MAJOR_MIN ?? majorMin // a test raises it
  if (Number(process.versions.node.split('.')[0]) >= Number(wanted)) return process.execPath
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const file = process.platform === 'win32' ? 'node.exe' : 'node'
  const packaged = resolve(root, 'node_modules', `node-${platform}-${process.arch}`, 'bin', file)
  return existsSync(packaged) ? packaged : undefined
}

function run(node) {
  const given = process.argv.slice(2)
  const isEntry = /\.(ts|mjs|js)$/.test(given[0] ?? '') && existsSync(resolve(root, given[0]))
  const entry = isEntry ? resolve(root, given[0]) : commandLine
  // Only the command line listens on the channel: it stops when this process vanishes.
  const channel = entry === commandLine ? ['ipc'] : []
  const child = spawn(node, [entry, ...given.slice(isEntry ? 1 : 0)], {
    stdio: ['inherit', 'inherit', 'inherit', ...channel],
    env: { ...process.env, PATH: [dirname(node), process.env.PATH ?? ''].join(delimiter) },
  })
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    console.error(`quern: cannot run ${node}: ${error.message}`)
    process.exit(exitNoRuntime)
  })
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    for (const name of signals) process.removeAllListeners(name)
    process.kill(process.pid, signal)
    setTimeout(() => process.exit(1), 1000) // a signal that does not end us
  })
}
