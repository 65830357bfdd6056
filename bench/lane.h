// One connection of a member that has much to do: creates packets by the hundred, takes what it is
// given, completes it, over and over. Plain sockets and as little work on the client's side as can
// be, for client and host share the machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace phoenix::bench {

// What all lanes have in common.
struct Job {
  std::string create_body;  // the array of one call
  size_t per_call = 100;
  size_t wanted = 0;  // packets
  size_t created = 0;
  size_t completed = 0;
  std::string failed;  // empty: all is well
};

class Lane {
 public:
  // Registers the member and connects. `id` is the member's, who may hold `room` packets.
  static Result<Lane> open(const std::string& url, const std::string& id, size_t room = 1'000'000);
  Lane(Lane&& other) noexcept;
  Lane& operator=(Lane&&) = delete;
  ~Lane();

  int socket() const { return socket_; }
  // Sends its first call.
  void begin(Job& job);
  // What has arrived; sends the next call when an answer is complete.
  void on_readable(Job& job);

 private:
  enum class Step { kCreate, kPoll, kComplete };

  Lane() = default;
  void send(Job& job, const std::string& method, const std::string& target,
            const std::string& body);
  void next_call(Job& job);
  void poll(Job& job);
  void on_answer(Job& job, std::string_view body);
  void read_deliveries(std::string_view body);
  bool cut_answer(Job& job, std::string& body);

  int socket_ = -1;
  std::string id_;
  std::string token_;
  std::string after_;
  std::string in_;
  Step step_ = Step::kPoll;
  std::string completions_;
  size_t held_ = 0;
};

}  // namespace phoenix::bench
