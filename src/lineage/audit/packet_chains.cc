#include "lineage/audit/packet_chains.h"

#include <algorithm>
#include <tuple>

namespace phoenix::lineage {
namespace {

constexpr uint64_t kMostAdoptions = 1024;  // between two legs

std::string of(const std::string& packet, uint64_t number) {
  return "leg " + std::to_string(number) + " of " + packet;
}

std::string who(const std::optional<Party>& party) {
  return party ? party->id + " (incarnation " + std::to_string(party->incarnation) + ")" : "nobody";
}

}  // namespace

Finding PacketChains::fit(const std::string& packet, const Link& before, const Demand& after) {
  const std::string leg = of(packet, after.number);
  if (after.previous != before.hash) {
    return Fault{"broken-chain", leg + " follows another entry than the one that stands there",
                 after.place};
  }
  if (after.from != before.to) {
    return Fault{"wrong-owner",
                 leg + " takes it from " + who(after.from) + ", but " + who(before.to) + " had it",
                 after.place};
  }
  // In a store that was restored from a backup it may have been raised between the two, which
  // tells nobody anything and lets nobody in.
  const uint64_t epoch = before.epoch + (after.grants ? 1 : 0);
  const uint64_t raised = after.epoch - epoch;
  if (raised % kAdoptedEpochs != 0 || raised / kAdoptedEpochs > kMostAdoptions) {
    return Fault{
        "wrong-epoch",
        leg + " has epoch " + std::to_string(after.epoch) + ", not " + std::to_string(epoch),
        after.place};
  }
  if (before.end.has_value() != after.retries || before.end == End::kCompleted) {
    return Fault{"after-the-end",
                 before.end ? leg + " follows the packet's end" : leg + " revives what is live",
                 after.place};
  }
  return std::nullopt;
}

// A packet may be older than the records; its first leg then has any epoch, and may revive it.
Finding PacketChains::begin(const std::string& packet, const Demand& first) {
  if (!first.from) return std::nullopt;
  return Fault{"wrong-owner", of(packet, 1) + " takes it from " + who(first.from), first.place};
}

Finding PacketChains::add(const Entry& entry, const Digest& hash, const Place& place) {
  const Leg& leg = *entry.leg;
  std::string packet = entry.ns + "/" + entry.subject;
  Run run;
  run.first = {leg.number, entry.epoch,        leg.previous,
               leg.from,   leg.to.has_value(), leg.cause == Cause::kRetry,
               place};
  run.last = {leg.number, entry.epoch, hash, leg.to, std::nullopt, place};
  if (leg.terminal) run.last.end = leg.terminal->end;
  if (leg.number == 1) {
    if (Finding fault = begin(packet, run.first)) return fault;
  }
  std::vector<Run>& runs = packets_[packet];
  const auto after = std::find_if(runs.begin(), runs.end(),
                                  [&leg](const Run& one) { return one.first.number > leg.number; });
  const auto before = after == runs.begin() ? runs.end() : after - 1;
  const bool follows = before != runs.end() && before->last.number == leg.number - 1;
  const bool leads = after != runs.end() && after->first.number == leg.number + 1;
  if (before != runs.end() && before->last.number >= leg.number) {
    return Fault{"leg-twice", of(packet, leg.number) + " stands in the records twice", place};
  }
  if (follows) {
    if (Finding fault = fit(packet, before->last, run.first)) return fault;
  }
  if (leads) {
    if (Finding fault = fit(packet, run.last, after->first)) return fault;
  }
  if (follows && leads) {
    before->last = std::move(after->last);
    runs.erase(after);
  } else if (follows) {
    before->last = std::move(run.last);
  } else if (leads) {
    after->first = std::move(run.first);
  } else {
    runs.insert(after, std::move(run));
  }
  return std::nullopt;
}

Finding PacketChains::finish(bool pruned, Summary& summary) const {
  Finding first;
  // order-free: of all faults the one at the least place is told.
  for (const auto& [packet, runs] : packets_) {
    ++summary.packets;
    summary.ended += runs.back().last.end ? 1 : 0;
    if (runs.size() == 1 && runs[0].first.number == 1) continue;
    ++summary.partial;
    if (pruned) continue;
    const bool headless = runs[0].first.number != 1;
    const Place place = headless ? runs[0].first.place : runs[1].first.place;
    const uint64_t number = headless ? 1 : runs[0].last.number + 1;
    if (!first ||
        std::tie(place.log, place.position) < std::tie(first->place->log, first->place->position)) {
      first = Fault{"leg-missing", of(packet, number) + " is in no log, but a later one is", place};
    }
  }
  return first;
}

}  // namespace phoenix::lineage
