// Creating packets, and awaiting their end.

#include <algorithm>

#include "node/admission/admission.h"

namespace phoenix {
namespace {

constexpr size_t kLookedUp = 65'536;

Error too_many_live(uint64_t limit) {
  Error error = {.kind = ErrorKind::kTooManyRequests,
                 .detail = "the host holds " + std::to_string(limit) +
                           " live packets, its --max-live-packets; try again when some have ended"};
  error.retry_after_ms = 1000;
  return error;
}

std::string_view salt_of(const SubmitItem& item) {
  switch (item.spec->spread) {
    case Spread::kId:
      return item.key.id();
    case Spread::kAffinity:
      return item.spec->affinity_key;
    case Spread::kNone:
      return {};
  }
  return {};
}

void note_asker(Packet& draft, const std::string& principal) {
  auto governed =
      draft.governed ? std::make_shared<Governed>(*draft.governed) : std::make_shared<Governed>();
  governed->asked_by = principal;
  draft.governed = std::move(governed);
}

}  // namespace

Position point_of_new(const RingKey& key, const SubmitItem& item) {
  return packet_position(key, item.key.ns(), item.required, salt_of(item));
}

// True: something about `key` is on its way, the command has been put aside. from_store: also when
// only the store can know whether the packet existed.
bool Node::Impl::must_wait(Command& command, const PacketKey& key, bool from_store) {
  const SlotNo slot = packets.find(key);
  if (slot != kNoSlot) {
    if (!packets[slot].busy) return false;
    block(block_name(key), std::move(command));
    return true;
  }
  if (!from_store || is_looked_up(command, key)) return false;
  look_up(key);
  block(block_name(key), std::move(command));
  return true;
}

void Node::Impl::look_up(const PacketKey& key) {
  if (loading.emplace(key, now.mono).second) out.loads.push_back(key);
}

// Others may have made or changed what this host does not keep: then a look-up serves only those
// who came before it was asked for. So it serves all that wait for it, and nobody is misled.
bool Node::Impl::is_looked_up(const Command& command, const PacketKey& key) const {
  const auto it = looked_up.find(key);
  if (it == looked_up.end()) return false;
  if (!remote.on || it->second.asked >= command.arrived) return true;
  return it->second.head && driven(it->second.head->point);
}

void Node::Impl::remember(const PacketKey& key, PacketLookup lookup, Instant asked) {
  LookedUp found;
  static_cast<PacketLookup&>(found) = std::move(lookup);
  found.asked = asked;
  if (looked_up.insert_or_assign(key, std::move(found)).second) looked_up_order.push_back(key);
  while (looked_up_order.size() > kLookedUp) {
    looked_up.erase(looked_up_order.front());
    looked_up_order.pop_front();
  }
}

// All at once: one after the other would cost a round trip to the store each.
void Node::Impl::look_up_rest(const Command& command, const Submit& request,
                              std::span<const SlotNo> known) {
  size_t next = 0;
  for (const auto& item : request.items) {
    if (!item || known[next++] != kNoSlot || item->is_fresh() || kept_elsewhere(*item)) continue;
    if (!is_looked_up(command, item->key)) look_up(item->key);
  }
}

void Node::Impl::submit(Command command, Submit& request) {
  // Among others it goes on for their sake until its slots are theirs.
  if (draining && !remote.on) {
    return refuse(command.id, {.kind = ErrorKind::kDraining,
                               .detail = "the host is shutting down and takes no new packets"});
  }
  std::vector<const PacketKey*> keys;
  keys.reserve(request.items.size());
  for (const auto& item : request.items) {
    if (item) keys.push_back(&item->key);
  }
  std::vector<SlotNo> known(keys.size());
  packets.find(keys, known);
  // The last one: answers come in the order of the questions, so it goes on once, not once for
  // each.
  const PacketKey* awaited = nullptr;
  size_t next = 0;
  for (const auto& item : request.items) {
    if (!item) continue;
    const SlotNo slot = known[next++];
    if (kept_elsewhere(*item)) continue;
    if (slot == kNoSlot && (item->is_fresh() || is_looked_up(command, item->key))) continue;
    if (slot != kNoSlot && !packets[slot].busy) continue;
    awaited = &item->key;
  }
  if (awaited != nullptr) {
    const PacketKey key = *awaited;
    look_up_rest(command, request, known);
    command.body = std::move(request);
    must_wait(command, key, true);
    return;
  }
  if (sends_back(command, request)) return;
  Write write = new_write();
  write.reserve(keys.size());
  BatchReply batch;
  batch.reserve(request.items.size());
  next = 0;
  for (auto& item : request.items) {
    if (!item) {
      batch.ids.emplace_back();
      batch.items.emplace_back(item.error());
      continue;
    }
    SlotNo slot = known[next++];
    // An id that a caller chose may stand in one call twice.
    if (slot == kNoSlot && !item->is_fresh()) slot = packets.find(item->key);
    const std::string id(item->is_fresh() ? std::string_view() : item->key.id());
    batch.items.push_back(submit_one(write, *item, slot));
    const bool refused = std::holds_alternative<Error>(batch.items.back());
    batch.ids.push_back(refused ? id : std::string());
  }
  if (!request.single) {
    finish_with(write, command, std::move(batch));
  } else if (auto* error = std::get_if<Error>(&batch.items[0])) {
    return refuse(command.id, std::move(*error));
  } else {
    finish_with(write, command, std::get<PacketReply>(std::move(batch.items[0])));
  }
  submit_write(std::move(write));
}

// Requires: nothing about this key is on its way, but what this very write does.
ItemReply Node::Impl::submit_one(Write& write, SubmitItem& item, SlotNo known) {
  if (kept_elsewhere(item)) return elsewhere(item.key);
  if (known != kNoSlot) {
    return existing(*packets[known].head, status(packets[known]), item);
  }
  const auto it = item.is_fresh() ? looked_up.end() : looked_up.find(item.key);
  if (it != looked_up.end()) {
    if (it->second.head) return existing(*it->second.head, it->second.head->status, item);
    if (it->second.tombstone) {
      return Error{.kind = ErrorKind::kConflict,
                   .detail = "the id " + std::string(item.key.id()) +
                             " belonged to a packet that has ended and is still remembered"};
    }
  }
  if (packets.size() >= config.max_live_packets) return too_many_live(config.max_live_packets);
  const PacketSpec& spec = *item.spec;
  if (spec.deadline != kNoWall && spec.deadline <= now.wall) {
    Error error = {.kind = ErrorKind::kInvalidRequest, .detail = "/deadline: it has passed"};
    error.fields.push_back({"/deadline", "it has passed; give a time in the future"});
    return error;
  }
  if (item.governed && !item.governed->contract.empty() &&
      governance.contracts.find(item.key.ns(), item.governed->contract) == nullptr) {
    auto unknown = invalid("/contract", "no contract " + item.governed->contract +
                                            " is in force in namespace " +
                                            std::string(item.key.ns()) + "; apply it first");
    unknown.value().reason_code = breach_code(policy::Breach::kUnknownContract);
    return std::move(unknown.value());
  }
  const Position point = point_of_new(config.ring_key, item);
  Packet draft;
  draft.key = std::move(item.key);
  draft.spec = item.spec;
  draft.governed = item.governed;
  // Whatever becomes of it now: that word may be asked for when somebody joins, or when it is lost.
  const RuleSet* const rules = rules_for(draft);
  if (rules != nullptr && rules->asks_for_words) note_asker(draft, actor.name);
  draft.point = point;
  draft.placement_point = draft.point;
  const ClassId cls = placement.intern(draft.key.ns(), item.required, match_of(spec));
  draft.required = placement.names(cls);  // the same list for all of its kind
  if (item.payload) {
    // As far as deciding needs it; the change says the rest.
    ContentInfo& info = draft.contents[static_cast<size_t>(ContentKind::kPayload)];
    info.present = true;
    info.is_json = item.payload->is_json;
  }
  Admission(*this).keep_payload(draft.key, item.payload);
  MemberNo to = kNobody;
  Change change = grant_or_park(draft, cls, Event::kCreate, &to);
  if (item.payload) change.contents.push_back({ContentKind::kPayload, item.payload});
  Transition done = create(std::move(draft), change, now.wall);
  const SlotNo slot = packets.add(done.head, cls);
  packets[slot].coming = true;
  const PacketView shown{done.head, done.head->status, done.head->parked, contract_of(*done.head)};
  step(write, slot, std::move(done), std::move(change.contents), to);
  return PacketReply{.packet = shown, .created = true};
}

// The same content again is answered like the first time; other content is a conflict.
ItemReply Node::Impl::existing(const Packet& head, Status status, const SubmitItem& item) {
  if (head.spec->create_digest != item.spec->create_digest) {
    return packet_error(
        ErrorKind::kConflict, head, status,
        "a packet " + std::string(item.key.id()) + " exists with other content; choose another id");
  }
  const SlotNo slot = packets.find(item.key);
  const bool own = item.id_from != IdSource::kCaller;
  if (slot != kNoSlot) return PacketReply{.packet = view(slot), .created = own};
  return PacketReply{
      .packet = {std::make_shared<const Packet>(head), status, head.parked, contract_of(head)},
      .created = own};
}

void Node::Impl::await_packet(Command command, AwaitPacket& await) {
  const SlotNo slot = packets.find(await.key);
  if (remote.on && slot == kNoSlot && !is_looked_up(command, await.key)) {
    const PacketKey key = await.key;
    command.body = std::move(await);
    must_wait(command, key, true);
    return;
  }
  if (kept_elsewhere(await.key, slot)) return refuse(command.id, elsewhere(await.key));
  const auto ended = looked_up.find(await.key);
  if (remote.on && slot == kNoSlot && ended != looked_up.end() && ended->second.head) {
    // Who asks saw it live a moment ago, in the store or at an earlier keeper.
    const Packet& head = *ended->second.head;
    PacketView shown = {std::make_shared<const Packet>(head), head.status, head.parked,
                        contract_of(head)};
    return reply(command.id, PacketReply{.packet = std::move(shown), .created = false});
  }
  if (slot == kNoSlot || packets[slot].coming) {
    return refuse(command.id, {.kind = ErrorKind::kNotFound,
                               .detail = "no live packet " + std::string(await.key.id())});
  }
  if (draining || await.wait.ns <= 0 || await_timers.size() >= config.max_waiting) {
    return reply(command.id, PacketReply{.packet = view(slot), .created = false});
  }
  const Instant until = now.mono + await.wait;
  packet_awaits[await.key].push_back({command.id, until});
  await_timers.emplace(std::make_pair(until, command.id), await.key);
}

}  // namespace phoenix
