// What the checkers may know of a simulated process: the one place where they look behind the
// host's answers, to see what a member really does.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace phoenix::sim {

class Worker {
 public:
  virtual ~Worker() = default;
  // Alive and not frozen.
  virtual bool works() const = 0;
  // Stops by its own lease, and nobody else uses its token.
  virtual bool keeps_rules() const = 0;
  // Since when it has been alive, connected, attached and at normal speed; kNever if it is not.
  virtual Instant healthy_since() const = 0;
  virtual const std::string& session() const = 0;
  virtual Duration lease() const = 0;
  // Is at work on it right now.
  virtual bool effect(std::string_view packet, uint64_t epoch) const = 0;
  // Has it in hand, or has ended it by a call that is still under way.
  virtual bool in_hand(std::string_view packet, uint64_t epoch) const = 0;
  // Everything in hand that no final call of its own has ended.
  using Visit = std::function<void(const std::string& packet, uint64_t epoch, Instant since)>;
  virtual void each_in_hand(const Visit& visit) const = 0;
  // What `held` of its last attaching listed and no delivery has brought yet.
  virtual void each_owed(const Visit& visit) const = 0;
};

}  // namespace phoenix::sim
