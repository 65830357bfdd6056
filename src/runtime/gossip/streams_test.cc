// Real connections on loopback, against peers that are as they should not be.
#include "runtime/gossip/streams.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "membership/wire/messages.h"
#include "net/sockets/dial.h"
#include "runtime/gossip/documents.h"

namespace phoenix::gossip {
namespace {

// Answers each request by what `answer` makes of it.
struct Peer : StreamEvents {
  struct Failed {
    StreamId id;
    StreamFailure why;
    Drop drop;
  };
  const FrameOptions& frame() const override { return options; }
  const Keyring& keyring() const override { return keys; }
  void on_request(StreamId id, std::string_view message, const Endpoint&) override {
    requests.emplace_back(message);
    if (answer) streams->reply({id, answer(message)});
  }
  void on_unreadable(StreamId id, Drop why, const Endpoint&) override {
    unreadable.push_back(why);
    streams->reply({id, ""});
  }
  void on_answer(StreamId id, std::string_view message) override {
    answers.emplace_back(id, message);
  }
  void on_failure(StreamId id, StreamFailure why, Drop drop) override {
    failures.push_back({id, why, drop});
  }
  std::string sealed(std::string_view message, bool labelled = true) {
    return seal_stream(message, options, keys, nonces, labelled);
  }

  FrameOptions options;
  Keyring keys;
  Nonces nonces{{}};
  Streams* streams = nullptr;
  std::function<std::string(std::string_view)> answer;
  std::vector<std::string> requests;
  std::vector<std::pair<StreamId, std::string>> answers;
  std::vector<Failed> failures;
  std::vector<Drop> unreadable;
};

class StreamsTest : public ::testing::Test {
 protected:
  void start(StreamLimits limits = {}) {
    auto listener = listen_tcp({"127.0.0.1", 0});
    ASSERT_TRUE(listener);
    there_ = endpoint_of(local_of(listener->get()));
    server_.emplace(loop_, worker_, std::move(*listener), at_server_, limits);
    at_server_.streams = &*server_;
    auto other = listen_tcp({"127.0.0.1", 0});
    ASSERT_TRUE(other);
    client_.emplace(loop_, worker_, std::move(*other), at_client_, limits);
    at_client_.streams = &*client_;
  }
  void run_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done() && std::chrono::steady_clock::now() < end) {
      loop_.run_one_for(std::chrono::milliseconds(100));
    }
    ASSERT_TRUE(done());
  }
  // A raw connection to the server.
  Fd connected() {
    Dialed dialed = dial_tcp(ip_port_of(there_));
    EXPECT_TRUE(dialed.fd.valid());
    pollfd ready{dialed.fd.get(), POLLOUT, 0};
    EXPECT_EQ(::poll(&ready, 1, 10'000), 1);
    return std::move(dialed.fd);
  }
  static void put(const Fd& fd, std::string_view bytes) {
    ASSERT_EQ(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // True once the server has closed it.
  static bool closed(const Fd& fd) {
    std::array<char, 4'096> part{};
    const ssize_t got = ::recv(fd.get(), part.data(), part.size(), MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN);
  }
  StreamOut request(StreamId id, std::string_view message, bool answer = true) {
    return {id, there_, at_client_.sealed(message), answer, seconds(10)};
  }

  EventLoop loop_;
  Worker worker_{loop_};
  Peer at_server_;
  Peer at_client_;
  Endpoint there_;
  std::optional<Streams> server_;
  std::optional<Streams> client_;
};

std::string user(std::string_view payload) { return encode_user_stream(payload); }

TEST_F(StreamsTest, a_request_is_answered_and_both_ends_close) {
  start();
  at_server_.answer = [&](std::string_view message) {
    return at_server_.sealed(user("you said " + std::to_string(message.size())), false);
  };
  client_->open(request(7, user("hello")));
  run_until([&] { return !at_client_.answers.empty(); });
  EXPECT_EQ(at_client_.answers[0].first, 7U);
  std::string_view payload;
  ASSERT_TRUE(
      decode_user_stream(std::string_view(at_client_.answers[0].second).substr(1), payload));
  EXPECT_EQ(payload, "you said " + std::to_string(user("hello").size()));
  EXPECT_EQ(at_server_.requests, std::vector<std::string>{user("hello")});
  run_until([&] { return server_->incoming() == 0 && client_->outgoing() == 0; });
  EXPECT_TRUE(at_client_.failures.empty());
}

TEST_F(StreamsTest, a_request_that_wants_no_answer_ends_when_it_is_sent) {
  start();
  at_server_.answer = [](std::string_view) { return ""; };
  client_->open(request(1, user("just so you know"), false));
  run_until([&] { return !at_server_.requests.empty(); });
  run_until([&] { return server_->incoming() == 0 && client_->outgoing() == 0; });
  EXPECT_TRUE(at_client_.answers.empty());
  EXPECT_TRUE(at_client_.failures.empty());
}

TEST_F(StreamsTest, megabytes_go_both_ways_encrypted_and_labelled) {
  for (Peer* peer : {&at_server_, &at_client_}) {
    ASSERT_TRUE(peer->keys.install(std::string(32, 'k')));
    peer->options.label = "pool-1";
  }
  start();
  std::string large;
  for (size_t i = 0; i < (size_t{5} << 20); ++i) large += static_cast<char>(i * i >> 7);
  at_server_.answer = [&](std::string_view message) { return at_server_.sealed(message, false); };
  client_->open(request(1, user(large)));
  run_until([&] { return !at_client_.answers.empty() || !at_client_.failures.empty(); });
  ASSERT_EQ(at_client_.answers.size(), 1U);
  EXPECT_TRUE(at_client_.answers[0].second == user(large));
}

TEST_F(StreamsTest, what_arrives_byte_by_byte_is_whole_in_the_end) {
  start();
  at_server_.answer = [](std::string_view) { return ""; };
  const std::string bytes = at_client_.sealed(user("slowly"));
  const Fd fd = connected();
  for (const char byte : bytes) {
    put(fd, {&byte, 1});
    loop_.poll();
  }
  run_until([&] { return !at_server_.requests.empty(); });
  EXPECT_EQ(at_server_.requests[0], user("slowly"));
}

TEST_F(StreamsTest, nobody_listening_is_refused_and_an_unreachable_family_is_told_too) {
  start();
  auto gone = listen_tcp({"127.0.0.1", 0});
  StreamOut nobody = request(1, user("x"));
  nobody.to = endpoint_of(local_of(gone->get()));
  gone->reset(-1);
  client_->open(std::move(nobody));
  StreamOut nowhere = request(2, user("x"));
  nowhere.to = Endpoint();
  client_->open(std::move(nowhere));
  EXPECT_TRUE(at_client_.failures.empty());  // never from within the call
  run_until([&] { return at_client_.failures.size() == 2; });
  for (const auto& failed : at_client_.failures) {
    EXPECT_EQ(failed.why, failed.id == 1 ? StreamFailure::kRefused : StreamFailure::kUnreachable);
  }
  EXPECT_EQ(client_->outgoing(), 0U);
}

TEST_F(StreamsTest, a_peer_that_never_answers_is_given_up_at_its_deadline) {
  start();
  StreamOut slow = request(1, user("x"));
  slow.timeout = milliseconds(50);
  client_->open(std::move(slow));  // the server has no answer to give
  run_until([&] { return !at_client_.failures.empty(); });
  EXPECT_EQ(at_client_.failures[0].why, StreamFailure::kTimeout);
  EXPECT_EQ(client_->counts().timed_out, 1U);
}

TEST_F(StreamsTest, a_peer_that_brings_nothing_is_closed_at_the_deadline) {
  StreamLimits limits;
  limits.timeout = milliseconds(50);
  start(limits);
  const Fd silent = connected();
  run_until([&] { return closed(silent); });
  EXPECT_EQ(server_->counts().timed_out, 1U);
  EXPECT_EQ(server_->incoming(), 0U);
}

TEST_F(StreamsTest, what_is_no_message_is_told_with_its_reason) {
  start();
  const Fd fd = connected();
  put(fd, "GET / HTTP/1.1\r\n\r\n");
  run_until([&] { return !at_server_.unreadable.empty(); });
  EXPECT_EQ(at_server_.unreadable[0], Drop::kUnknownType);
  run_until([&] { return closed(fd); });

  at_server_.answer = [](std::string_view) { return std::string("\xff\xff\xff"); };
  client_->open(request(1, user("x")));
  run_until([&] { return !at_client_.failures.empty(); });
  EXPECT_EQ(at_client_.failures[0].why, StreamFailure::kMalformed);
  EXPECT_NE(at_client_.failures[0].drop, Drop::kNone);
}

TEST_F(StreamsTest, a_wrong_key_is_told_as_such) {
  ASSERT_TRUE(at_server_.keys.install(std::string(16, 'a')));
  ASSERT_TRUE(at_client_.keys.install(std::string(16, 'b')));
  start();
  client_->open(request(1, user("x")));
  run_until([&] { return !at_server_.unreadable.empty() && !at_client_.failures.empty(); });
  EXPECT_EQ(at_server_.unreadable[0], Drop::kKey);
  EXPECT_EQ(at_client_.failures[0].why, StreamFailure::kReset);
}

TEST_F(StreamsTest, a_peer_that_hangs_up_half_way_costs_nothing) {
  start();
  Fd fd = connected();
  put(fd, at_client_.sealed(user("half")).substr(0, 3));
  run_until([&] { return server_->incoming() == 1; });
  fd.reset(-1);
  run_until([&] { return server_->incoming() == 0; });
  EXPECT_EQ(server_->counts().cut, 1U);
  EXPECT_TRUE(at_server_.requests.empty());
}

TEST_F(StreamsTest, when_all_places_are_taken_the_oldest_makes_room) {
  StreamLimits limits;
  limits.incoming = 4;
  start(limits);
  std::vector<Fd> silent;
  for (int i = 0; i < 4; ++i) silent.push_back(connected());
  run_until([&] { return server_->incoming() == 4; });
  at_server_.answer = [&](std::string_view) { return at_server_.sealed(user("yes"), false); };
  client_->open(request(1, user("still there?")));
  run_until([&] { return !at_client_.answers.empty(); });
  EXPECT_TRUE(closed(silent[0]));
  EXPECT_FALSE(closed(silent[1]));
  EXPECT_EQ(server_->counts().evicted, 1U);
}

TEST_F(StreamsTest, more_of_ours_than_there_are_places_wait_for_their_turn) {
  StreamLimits limits;
  limits.outgoing = 2;
  limits.waiting = 3;
  start(limits);
  at_server_.answer = [&](std::string_view) { return at_server_.sealed(user("yes"), false); };
  for (StreamId id = 1; id <= 6; ++id) client_->open(request(id, user("x")));
  run_until([&] { return at_client_.answers.size() + at_client_.failures.size() == 6; });
  EXPECT_EQ(at_client_.answers.size(), 5U);
  ASSERT_EQ(at_client_.failures.size(), 1U);
  EXPECT_EQ(at_client_.failures[0].id, 6U);
}

TEST_F(StreamsTest, who_holds_most_goes_when_all_hold_too_much) {
  StreamLimits limits;
  limits.held = size_t{1} << 20;
  start(limits);
  client_->open(request(1, user(std::string(size_t{3} << 20, 'x') + std::string(1, 'y'))));
  // Compressed it would fit; as it is it does not.
  at_client_.options.compress = false;
  client_->open(request(2, user(std::string(size_t{3} << 20, 'x'))));
  run_until([&] { return !at_client_.failures.empty(); });
  EXPECT_EQ(at_client_.failures[0].id, 2U);
  EXPECT_EQ(at_client_.failures[0].why, StreamFailure::kReset);
  EXPECT_EQ(server_->counts().evicted, 1U);
}

}  // namespace
}  // namespace phoenix::gossip
