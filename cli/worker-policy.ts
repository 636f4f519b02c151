import { AppError } from '#base/error.ts'
import { type JobKind, jobKinds } from '#wire/market.ts'
import type { Policy } from '#worker/policy.ts'
import type { Settings } from './configuration.ts'
import type { ConsentRecord } from './enrol.ts'
import { trainToWei } from './job/terms.ts'

const segmentsMax = 65_535
const flopsMax = 10n ** 18n
const hoursADay = 24
const gwei = 1_000_000_000n
const megaflop = 1_000_000n

/** The policy that the settings describe. Throws CONFIG_INVALID. */
export function policyOf(settings: Settings): Policy {
  return {
    kinds: kindsOf(settings),
    hours: hoursOf(settings.hours),
    rewardMinWei: trainToWei(settings.rewardMin),
    pricePerTeraflopWei: trainToWei(settings.pricePerTeraflop),
    flopsMax,
    segmentsMax,
    concurrency: settings.concurrency,
  }
}

/** The same as the record that the chain checks at every assignment. */
export function consentOf(settings: Settings): ConsentRecord {
  const { kinds, hours, rewardMinWei } = policyOf(settings)
  const isAllDay = hours.from % hoursADay === hours.to % hoursADay
  const isWelcome = (hour: number) => {
    if (isAllDay) return true
    const isInside = hour >= hours.from && hour < hours.to
    return hours.from < hours.to ? isInside : hour >= hours.from || hour < hours.to
  }
  const allHours = Array.from({ length: hoursADay }, (_, hour) => hour)
  return {
    kinds: kinds.reduce((mask, kind) => mask | (1 << kind), 0),
    hours24: allHours.filter(isWelcome).reduce((mask, hour) => mask | (1 << hour), 0),
    segmentsMax,
    megaflopsMax: (flopsMax / megaflop) * 8n,
    rewardMinGwei: rewardMinWei / gwei,
  }
}

function kindsOf(settings: Settings): readonly number[] {
  return settings.jobKinds.split(',').map((kind) => jobKinds[kind as JobKind])
}

function hoursOf(text: string): Policy['hours'] {
  const [from, to] = text.split('-').map(Number)
  if (from === undefined || to === undefined) {
    throw new AppError({ code: 'CONFIG_INVALID', setting: 'hours', reason: text })
  }
  return { from, to }
}
