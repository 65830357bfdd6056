// A client with one connection that creates one packet and completes it, over and over; the time
// of each exchange.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"

namespace phoenix::bench {

class OneAtATime {
 public:
  // Registers the member that completes; `payload` is JSON.
  static Result<OneAtATime> open(const std::string& url, const std::string& payload);
  OneAtATime(OneAtATime&&) noexcept;
  ~OneAtATime();

  // Create and complete; below 0 if the host refused.
  double packet_micros();
  // Two GET /livez.
  double livez_micros();

 private:
  struct Impl;
  explicit OneAtATime(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace phoenix::bench
