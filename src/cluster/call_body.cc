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

void may_exist(CommandBody& body) {
  auto* submit = std::get_if<Submit>(&body);
  if (submit == nullptr) return;
  for (auto& item : submit->items) {
    if (item && item->is_fresh()) item->id_from = IdSource::kDerived;
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
