// A member in a process of its own: it signs and checks as member.h does, and speaks to its host
// over HTTP.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"

namespace phoenix::bench {

class RestMember {
 public:
  // Registers at that host, with a key of its own; `partner` is who it hands to, or takes from.
  static Result<std::unique_ptr<RestMember>> join(const std::string& url, const std::string& id,
                                                  const std::string& partner);
  virtual ~RestMember() = default;

  // Makes packets of these ids, and has them in hand. Requires: nobody else could have them.
  virtual Result<bool> make_packets(const std::vector<std::string>& ids) = 0;
  // Until its host knows of that one.
  virtual Result<bool> await_member(const std::string& id) = 0;
  // Each at epoch 1 with a context of so many bytes, one after the other: how many milliseconds it
  // took until the answer that the other one has it.
  virtual Result<std::vector<double>> hand_off_all(const std::vector<std::string>& packets,
                                                   size_t context_bytes) = 0;
  // Accepts whatever it is offered, for ever or until its host is gone.
  virtual void accept_all() = 0;
};

}  // namespace phoenix::bench
