// For tests: stands between a client and PostgreSQL's Unix socket and loses what it is told to
// lose.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "store/testing.h"

namespace phoenix::testing_postgres {

class TestProxy {
 public:
  enum class Mode : uint8_t {
    kPass,
    kDropAnswers,   // what the server says is swallowed
    kDropRequests,  // what the client says is swallowed
    kHoldRequests,  // and delivered at release(), also when the client is long gone
  };

  explicit TestProxy(std::string server_socket);
  ~TestProxy();
  TestProxy(const TestProxy&) = delete;
  TestProxy& operator=(const TestProxy&) = delete;

  // Of what is sent from now on.
  void set(Mode mode);
  // What was held goes to the server; mode kPass from then on. Returns when the server has answered
  // or closed each of these connections.
  void release();
  // As poolers do, gives clients a session number that is not the server's.
  void fake_session_numbers() { fake_ = true; }
  std::string url() const { return "postgresql://phoenix@/postgres?host=" + folder_.path(); }

 private:
  struct Pair {
    int client = -1;
    int server = -1;
    std::string held;
    bool started = false;  // the server has said that the session is ready
  };
  void run();
  void accept_one();
  void from_client(Pair& pair);
  void from_server(Pair& pair);
  void deliver_held();
  void wake();

  std::string server_socket_;
  testing_store::TempFolder folder_;
  int listener_ = -1;
  int wake_[2] = {-1, -1};
  std::atomic<Mode> mode_ = Mode::kPass;
  std::atomic<bool> fake_ = false;
  std::atomic<bool> release_ = false;
  std::atomic<bool> stop_ = false;
  std::vector<std::unique_ptr<Pair>> pairs_;  // the thread's
  std::thread thread_;
};

}  // namespace phoenix::testing_postgres
