#include "bench/cluster/unnest_loop.h"

#include <algorithm>
#include <span>

#include "bench/clock.h"
#include "lineage/crypto/sha256.h"
#include "lineage/form/entry.h"
#include "lineage/tree/frontier.h"
#include "store/postgres/batch_calls.h"
#include "store/postgres/fold.h"

namespace phoenix::bench {
namespace {

lineage::Entry entry_of(const PutPacket& put) {
  const Packet& head = *put.head;
  lineage::Entry entry;
  entry.at = put.entry.at;
  entry.ns = head.key.ns();
  entry.subject = head.key.id();
  entry.event = put.entry.event;
  entry.epoch = head.epoch;
  entry.revision = head.revision;
  return entry;
}

// With what a host enters into the flight recorder beside each event. What is in the digests makes
// no difference here.
PutPacket with_entry(PutPacket put, const lineage::Entry& entry) {
  put.entry.recorded = lineage::encode(entry);
  Packet head = *put.head;
  head.legs = entry.leg->number;
  head.last_leg = lineage::leaf_hash(put.entry.recorded);
  put.head = std::make_shared<const Packet>(std::move(head));
  return put;
}

PutPacket created_by_host(const PacketLife& life) {
  const Packet& head = *life.created.head;
  lineage::Entry entry = entry_of(life.created);
  entry.actor = {lineage::ActorKind::kToken, "anonymous"};
  entry.inputs = head.spec->create_digest;
  lineage::Leg& leg = entry.leg.emplace();
  leg.to = {head.owner->id, head.owner->incarnation};
  leg.placement = {head.placement_point, head.spec->create_digest};
  return with_entry(life.created, entry);
}

PutPacket ended_by_host(const PacketLife& life) {
  const Owner& owner = *life.created.head->owner;
  lineage::Entry entry = entry_of(life.ended);
  entry.actor = {lineage::ActorKind::kMember, owner.id};
  lineage::Leg& leg = entry.leg.emplace();
  leg.number = 2;
  leg.previous = created_by_host(life).head->last_leg;
  leg.from = {owner.id, owner.incarnation};
  leg.cause = lineage::Cause::kTerminal;
  const Content& result = *life.ended.contents.front().content;
  leg.terminal.emplace().result = lineage::sha256(result.data);
  return with_entry(life.ended, entry);
}

std::vector<postgres::Call> calls_of(std::span<const PacketLife> lives, bool created, uint64_t id) {
  std::vector<Group> groups;
  for (const PacketLife& life : lives) {
    groups.push_back(
        {.id = groups.size() + 1, .ops = {created ? created_by_host(life) : ended_by_host(life)}});
  }
  // A loop of one needs no compare-and-swap beyond what the statements do by themselves.
  const postgres::Folded folded = postgres::fold(groups, {});
  return postgres::batch_calls(folded, {}, id, {});
}

}  // namespace

Result<UnnestLoop> UnnestLoop::open(const std::string& database, const std::string& schema) {
  PostgresOptions options;
  options.url = database;
  options.schema = schema;
  options.create = true;
  options.deadline = seconds(60);
  auto connection = postgres::Connection::open_schema(options, "bench");
  if (!connection) return tl::unexpected(connection.error());
  UnnestLoop loop;
  loop.connection_ = std::move(*connection);
  return loop;
}

void UnnestLoop::prepare(std::span<const PacketLife> lives, size_t batch) {
  for (size_t first = 0; first < lives.size(); first += batch) {
    const auto part = lives.subspan(first, std::min(batch, lives.size() - first));
    for (const bool created : {true, false}) {
      transactions_.push_back(calls_of(part, created, transactions_.size() + 1));
    }
  }
}

Result<Duration> UnnestLoop::run() {
  const Duration begin = wall_clock();
  for (const std::vector<postgres::Call>& calls : transactions_) {
    const auto answer = connection_->transact(calls, postgres::Deadline(seconds(60)));
    if (!answer) {
      return tl::unexpected(connection_->failure("the raw loop's transaction", answer.error()));
    }
  }
  return wall_clock() - begin;
}

}  // namespace phoenix::bench
