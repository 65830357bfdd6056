// For this folder's tests: two ends of a link whose bytes the test carries, cut where it likes.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "peer/link.h"

namespace phoenix::peer::testing {

inline const Identity kPool{"pool_a", "str_a", "ring_a", 128};

inline LinkSetting setting_of(const std::string& host, uint64_t life) {
  LinkSetting out;
  out.self = {host, life};
  out.identity = kPool;
  return out;
}

// What an end has told so far; the events are taken as they come.
struct End {
  std::unique_ptr<Link> link;
  std::vector<std::string> messages;
  std::vector<Urgency> urgencies;
  std::vector<RelayFrame> relayed;
  std::vector<std::vector<uint64_t>> reaches;
  std::vector<Urgency> writable;
  std::vector<CloseReason> closed;
  int greeted = 0;
  int ups = 0;
  bool consents = true;

  void take_events(Instant now) {
    while (link->has_events()) {
      for (LinkEvent& event : link->take_events()) take(now, std::move(event));
    }
  }

 private:
  void take(Instant now, LinkEvent event) {
    if (std::holds_alternative<Greeted>(event)) {
      ++greeted;
      if (consents) link->consent(now);
    } else if (std::holds_alternative<Up>(event)) {
      ++ups;
    } else if (auto* message = std::get_if<Received>(&event)) {
      messages.push_back(std::move(message->bytes));
      urgencies.push_back(message->urgency);
    } else if (auto* frame = std::get_if<RelayFrame>(&event)) {
      relayed.push_back(std::move(*frame));
    } else if (auto* reach = std::get_if<Reach>(&event)) {
      reaches.push_back(std::move(reach->hosts));
    } else if (const auto* room = std::get_if<Writable>(&event)) {
      writable.push_back(room->urgency);
    } else if (const auto* end = std::get_if<Closed>(&event)) {
      closed.push_back(end->why);
    }
  }
};

struct Pipe {
  Instant now{seconds(1'000).ns};
  End a, b;  // a dials
  Prng prng{1};
  size_t longest_cut = 1 << 20;

  Pipe() : Pipe(setting_of("alpha", 1), setting_of("beta", 2)) {}
  Pipe(const LinkSetting& of_a, const LinkSetting& of_b) {
    a.link = Link::dialled(of_a, now, of_b.self);
    b.link = Link::accepted(of_b, now);
  }

  // One way: all that waits, in pieces.
  bool carry(End& from, End& to) {
    std::string bytes;
    while (from.link->has_bytes()) from.link->take_bytes(now, 1, bytes);
    for (std::string_view rest = bytes; !rest.empty();) {
      const size_t size = std::min<size_t>(rest.size(), 1 + prng.below(longest_cut));
      // A copy of its own, so that a view kept too long is found by the sanitizer.
      const std::string piece(rest.substr(0, size));
      to.link->received(now, piece);
      rest.remove_prefix(size);
    }
    from.take_events(now);
    to.take_events(now);
    return !bytes.empty();
  }
  void carry_all() {
    bool any = true;
    while (any) {
      any = carry(a, b);
      any = carry(b, a) || any;
    }
  }
  void pass(Duration time) {
    now = now + time;
    for (End* end : {&a, &b}) {
      end->link->tick(now);
      end->take_events(now);
    }
  }
};

}  // namespace phoenix::peer::testing
