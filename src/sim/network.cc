#include "sim/network.h"

#include <algorithm>
#include <utility>

namespace phoenix::sim {

Duration Network::delay(const Link& link) {
  if (prng_.chance(faults_.late_per_mille, 1000)) {
    counts_.add(Fault::kMessageLate);
    return milliseconds(prng_.between(20, 2'500));
  }
  const Duration usual = microseconds(prng_.between(50, 2'000));
  return link.slow ? usual + milliseconds(prng_.between(50, 600)) : usual;
}

Network::Exchange Network::send(const Link& link, Command command, Door::Sink done,
                                Door::PortionSink portions) {
  const Exchange exchange = next_++;
  Door& door = *doors_.at(link.door);
  open_[exchange].door = &door;
  if (link.cut) return exchange;
  if (prng_.chance(faults_.lost_per_mille, 1000)) {
    counts_.add(Fault::kRequestLost);
    return exchange;
  }
  queue_.after(delay(link), [this, exchange, &door, &link, command = std::move(command),
                             done = std::move(done), portions = std::move(portions)]() mutable {
    arrive(exchange, door, link, std::move(command), std::move(done), std::move(portions));
  });
  return exchange;
}

void Network::arrive(Exchange exchange, Door& door, const Link& link, Command command,
                     Door::Sink done, Door::PortionSink portions) {
  Door::PortionSink on_portion;
  if (portions) {
    on_portion = [this, exchange, &link, portions](const StreamPortion* item) {
      portion(exchange, link, item, portions);
    };
  }
  const Door::Ticket ticket = door.arrive(
      std::move(command),
      [this, exchange, &link, done](const Reply* reply) { answer(exchange, link, reply, done); },
      std::move(on_portion));
  const auto found = open_.find(exchange);
  if (found == open_.end()) {
    // It was given up before it arrived: the host reads the request, then the close.
    queue_.after(microseconds(prng_.between(50, 500)), [&door, ticket] { door.abandon(ticket); });
  } else {
    found->second.ticket = ticket;
  }
}

void Network::answer(Exchange exchange, const Link& link, const Reply* reply,
                     const Door::Sink& done) {
  if (link.cut) return;
  if (prng_.chance(faults_.lost_per_mille, 1000)) {
    counts_.add(Fault::kAnswerLost);
    return;
  }
  auto copy = reply == nullptr ? nullptr : std::make_shared<const Reply>(*reply);
  const bool is_stream = copy != nullptr && std::holds_alternative<StreamOpened>(copy->body);
  const Instant when = queue_.now() + delay(link);
  if (is_stream) open_[exchange].last_portion = when;
  queue_.at(when, Rank::kArrival, [this, exchange, copy, done, is_stream] {
    if (!open_.contains(exchange)) return;
    if (!is_stream) open_.erase(exchange);
    done(copy.get());
  });
}

void Network::portion(Exchange exchange, const Link& link, const StreamPortion* item,
                      const Door::PortionSink& portions) {
  const auto found = open_.find(exchange);
  if (found == open_.end() || found->second.over) return;
  if (link.cut) {
    // A stream loses nothing in between: after a while without a way through it breaks.
    found->second.over = true;
    queue_.after(milliseconds(prng_.between(100, 1'500)),
                 [this, exchange, portions] { break_stream(exchange, portions); });
    return;
  }
  auto copy = item == nullptr ? nullptr : std::make_shared<const StreamPortion>(*item);
  // One connection keeps its order.
  Instant& last = found->second.last_portion;
  last = std::max(last + Duration{1}, queue_.now() + delay(link));
  if (copy == nullptr || copy->end) found->second.over = true;
  queue_.at(last, Rank::kArrival, [this, exchange, copy, portions] {
    if (!open_.contains(exchange)) return;
    if (copy == nullptr || copy->end) open_.erase(exchange);
    portions(copy.get());
  });
}

void Network::break_stream(Exchange exchange, const Door::PortionSink& portions) {
  const auto found = open_.find(exchange);
  if (found == open_.end()) return;
  const Door::Ticket ticket = found->second.ticket;
  Door* const door = found->second.door;
  open_.erase(found);
  if (door != nullptr && ticket.id != 0) door->close_stream(ticket, false);
  portions(nullptr);
}

void Network::give_up(Exchange exchange) {
  const auto found = open_.find(exchange);
  if (found == open_.end()) return;
  const Door::Ticket ticket = found->second.ticket;
  Door& door = *found->second.door;
  open_.erase(found);
  if (ticket.id == 0) return;
  queue_.after(microseconds(prng_.between(50, 2'000)), [&door, ticket] { door.abandon(ticket); });
}

void Network::cut_stream(Exchange exchange) {
  const auto found = open_.find(exchange);
  if (found == open_.end()) return;
  const Door::Ticket ticket = found->second.ticket;
  Door& door = *found->second.door;
  open_.erase(found);
  if (ticket.id == 0) return;
  queue_.after(microseconds(prng_.between(50, 2'000)),
               [&door, ticket] { door.close_stream(ticket, true); });
}

}  // namespace phoenix::sim
