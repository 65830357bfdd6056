#include "cluster/call_body.h"

#include <utility>

namespace phoenix {

size_t parts_of(const CommandBody& body) {
  if (const auto* submit = std::get_if<Submit>(&body)) return submit->items.size();
  if (const auto* calls = std::get_if<OwnerCalls>(&body)) return calls->items.size();
  return 1;
}

bool harmless_twice(const CommandBody& body) {
  if (const auto* order = std::get_if<OrderPacket>(&body)) return order->order == Order::kCancel;
  return std::holds_alternative<Submit>(body) || std::holds_alternative<OwnerCalls>(body) ||
         std::holds_alternative<AwaitPacket>(body) || std::holds_alternative<AwaitMember>(body);
}

const SessionRef* session_of(const CommandBody& body) {
  return std::visit(
      [](const auto& request) -> const SessionRef* {
        if constexpr (requires { request.ref; }) {
          return &request.ref;
        } else {
          return nullptr;
        }
      },
      body);
}

CommandBody part_of(CommandBody& body, const std::vector<size_t>& places) {
  const auto take = [&places](auto& whole) {
    std::remove_reference_t<decltype(whole)> part;
    part.items.reserve(places.size());
    for (const size_t place : places) part.items.push_back(std::move(whole.items[place]));
    return CommandBody(std::move(part));
  };
  if (auto* submit = std::get_if<Submit>(&body)) return take(*submit);
  return take(std::get<OwnerCalls>(body));
}

std::vector<size_t> may_exist(CommandBody& body) {
  std::vector<size_t> own;
  auto* submit = std::get_if<Submit>(&body);
  if (submit == nullptr) return own;
  for (size_t i = 0; i < submit->items.size(); ++i) {
    auto& item = submit->items[i];
    if (item && std::exchange(item->id_generated, false)) own.push_back(i);
  }
  return own;
}

void created_by_itself(ReplyBody& body, const std::set<size_t>& own) {
  if (own.empty()) return;
  if (auto* packet = std::get_if<PacketReply>(&body)) packet->created = true;
  auto* batch = std::get_if<BatchReply>(&body);
  if (batch == nullptr) return;
  for (const size_t place : own) {
    if (place >= batch->items.size()) continue;
    if (auto* packet = std::get_if<PacketReply>(&batch->items[place])) packet->created = true;
  }
}

std::string id_of(const CommandBody& body, size_t place) {
  if (const auto* submit = std::get_if<Submit>(&body)) {
    const auto& item = submit->items[place];
    return item ? std::string(item->key.id()) : std::string();
  }
  const auto& item = std::get<OwnerCalls>(body).items[place];
  return item ? std::string(item->key.id()) : std::string();
}

}  // namespace phoenix
