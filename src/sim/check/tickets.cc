#include "sim/check/tickets.h"

#include <fmt/format.h>

#include <algorithm>

#include "lineage/form/shown_ticket.h"
#include "packet/lifecycle.h"

namespace phoenix::sim {
namespace {

bool owner_is_done(std::string_view event) {
  return event == event_name(Event::kComplete) || event == event_name(Event::kFail) ||
         event == event_name(Event::kGiveUp) || event == event_name(Event::kRelease) ||
         event == event_name(Event::kHandoff);
}

}  // namespace

void Tickets::given(WallMs wall, const OwnerReply& reply) {
  if (reply.ticket.empty()) return;
  const auto shown = lineage::decode<lineage::ShownTicket>(reply.ticket);
  const auto ticket =
      shown ? lineage::decode<lineage::Ticket>(shown->ticket) : tl::unexpected(shown.error());
  if (!ticket) return complain_(Invariant::kLineage, "a ticket is not in its one form");
  // By a clock that is ahead: hosts whose clocks are set have no part in this.
  if (ticket->issued_at > wall) return;
  const PacketKey key(ticket->ns, ticket->packet);
  const auto over = over_.find(key);
  if (over != over_.end() && ticket->epoch <= over->second) return;  // was long on its way
  Live& live = live_[key];
  if (ticket->epoch < live.epoch) return;
  if (ticket->epoch > live.epoch) live = {};
  live.epoch = ticket->epoch;
  live.until = std::max(live.until, ticket->expires_at + lineage::kTicketSkewMs);
}

void Tickets::committed(WallMs wall, const PutPacket& put) {
  const auto found = live_.find(put.head->key);
  if (found == live_.end()) return;
  const Live live = found->second;
  if (owner_is_done(put.entry.event)) {
    over_[put.head->key] = live.epoch;
    live_.erase(found);
    return;
  }
  const bool next = put.head->owner && put.head->epoch > live.epoch;
  if (next && wall < live.until) {
    complain_(Invariant::kExclusive,
              fmt::format("{} was granted as epoch {} while a ticket of epoch {} was good for {} "
                          "ms more",
                          put.head->key.id(), put.head->epoch, live.epoch, live.until - wall));
  }
  if (next) {
    over_[put.head->key] = live.epoch;
    live_.erase(found);
  }
}

}  // namespace phoenix::sim
