/**
 * libsrtp 3's interface, as far as mediasoup-worker calls it, over libsrtp 2.4 or newer.
 *
 * What changed between the two versions:
 *  - the policy became an opaque object with setters; here it owns a libsrtp 2 policy and the key that this points to;
 *  - key and salt are given apart; libsrtp 2 wants one after the other;
 *  - packets are transformed from one buffer to another with sizes in size_t; libsrtp 2 works in place with an int.
 *
 * The functions below are C++ overloads (other parameter types) or new names, so libsrtp 2's own stay what they are.
 */
#ifndef GIOCONDA_SRTP3_OVER_SRTP2_H
#define GIOCONDA_SRTP3_OVER_SRTP2_H

// libsrtp 2 has a struct of this name; the handle of libsrtp 3 takes the name over. C linkage does not know type names.
#define srtp_policy_t srtp2_policy
#include <srtp2/srtp.h>
#undef srtp_policy_t

#include <algorithm>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

// Two codes that only libsrtp 3 returns; mediasoup has a text for each. The numbers are libsrtp 3's.
constexpr srtp_err_status_t srtp_err_status_buffer_small{ static_cast<srtp_err_status_t>(28) };
constexpr srtp_err_status_t srtp_err_status_cryptex_err{ static_cast<srtp_err_status_t>(29) };

namespace srtp3
{
	struct Policy
	{
		srtp2_policy inner{};
		uint8_t masterKeyAndSalt[SRTP_MAX_KEY_LEN]{};

		Policy()
		{
			inner.key = masterKeyAndSalt;
		}

		Policy(const Policy&)            = delete;
		Policy& operator=(const Policy&) = delete;

		~Policy()
		{
			// Through volatile, or the compiler leaves out the clearing of memory that nobody reads any more.
			volatile uint8_t* byte{ masterKeyAndSalt };

			std::fill(byte, byte + sizeof(masterKeyAndSalt), uint8_t{ 0 });
		}
	};

	using InPlace = srtp_err_status_t (*)(srtp_t, void*, int*);

	/**
	 * Calls a transformation of libsrtp 2 with the buffers of libsrtp 3.
	 * @param outLength in: room in `out`; on success: bytes in it.
	 * @param growth how many bytes the transformation may append.
	 */
	inline srtp_err_status_t transform(
	  InPlace function, srtp_t session, const uint8_t* in, size_t inLength, uint8_t* out, size_t* outLength, size_t growth)
	{
		if (inLength > size_t{ INT_MAX } - growth)
		{
			return srtp_err_status_bad_param;
		}

		if (*outLength < inLength + growth)
		{
			return srtp_err_status_buffer_small;
		}

		if (out != in)
		{
			std::memmove(out, in, inLength);
		}

		int length{ static_cast<int>(inLength) };
		const srtp_err_status_t status{ function(session, out, &length) };

		if (status == srtp_err_status_ok)
		{
			*outLength = static_cast<size_t>(length);
		}

		return status;
	}
} // namespace srtp3

using srtp_policy_t = srtp3::Policy*;

inline srtp_err_status_t srtp_policy_create(srtp_policy_t* policy)
{
	*policy = new (std::nothrow) srtp3::Policy();

	return *policy ? srtp_err_status_ok : srtp_err_status_alloc_fail;
}

inline void srtp_policy_destroy(srtp_policy_t policy)
{
	delete policy;
}

inline srtp_err_status_t srtp_policy_set_ssrc(srtp_policy_t policy, srtp_ssrc_t ssrc)
{
	policy->inner.ssrc = ssrc;

	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_policy_set_profile(srtp_policy_t policy, srtp_profile_t profile)
{
	srtp_err_status_t status{ srtp_crypto_policy_set_from_profile_for_rtp(&policy->inner.rtp, profile) };

	if (status == srtp_err_status_ok)
	{
		status = srtp_crypto_policy_set_from_profile_for_rtcp(&policy->inner.rtcp, profile);
	}

	return status;
}

inline srtp_err_status_t srtp_policy_add_key(
  srtp_policy_t policy,
  const uint8_t* key,
  size_t keyLength,
  const uint8_t* salt,
  size_t saltLength,
  const uint8_t* mki,
  size_t mkiLength)
{
	// mediasoup uses one key and no key identifier. Anything else must fail loudly, not be dropped.
	if (mki != nullptr || mkiLength != 0 || keyLength > SRTP_MAX_KEY_LEN || saltLength > SRTP_MAX_KEY_LEN - keyLength)
	{
		return srtp_err_status_bad_param;
	}

	std::copy_n(salt, saltLength, std::copy_n(key, keyLength, policy->masterKeyAndSalt));

	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_policy_set_allow_repeat_tx(srtp_policy_t policy, bool allow)
{
	policy->inner.allow_repeat_tx = allow;

	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_policy_set_window_size(srtp_policy_t policy, size_t packets)
{
	policy->inner.window_size = static_cast<unsigned long>(packets);

	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_create(srtp_t* session, srtp_policy_t policy)
{
	const srtp2_policy* inner{ &policy->inner };

	// libsrtp 2 copies the key and everything else that it keeps.
	return ::srtp_create(session, inner);
}

inline srtp_err_status_t srtp_stream_remove(srtp_t session, uint32_t ssrc)
{
	return srtp_remove_stream(session, ssrc);
}

inline srtp_err_status_t srtp_protect(
  srtp_t session, const uint8_t* rtp, size_t rtpLength, uint8_t* srtp, size_t* srtpLength, size_t /*mkiIndex*/)
{
	const srtp3::InPlace protect{ ::srtp_protect };

	return srtp3::transform(protect, session, rtp, rtpLength, srtp, srtpLength, SRTP_MAX_TRAILER_LEN);
}

inline srtp_err_status_t srtp_protect_rtcp(
  srtp_t session, const uint8_t* rtcp, size_t rtcpLength, uint8_t* srtcp, size_t* srtcpLength, size_t /*mkiIndex*/)
{
	const srtp3::InPlace protect{ ::srtp_protect_rtcp };

	// SRTCP carries its E flag and index beside the trailer (RFC 3711, section 3.4).
	return srtp3::transform(protect, session, rtcp, rtcpLength, srtcp, srtcpLength, SRTP_MAX_TRAILER_LEN + 4);
}

inline srtp_err_status_t srtp_unprotect(srtp_t session, const uint8_t* srtp, size_t srtpLength, uint8_t* rtp, size_t* rtpLength)
{
	const srtp3::InPlace unprotect{ ::srtp_unprotect };

	return srtp3::transform(unprotect, session, srtp, srtpLength, rtp, rtpLength, 0);
}

inline srtp_err_status_t srtp_unprotect_rtcp(
  srtp_t session, const uint8_t* srtcp, size_t srtcpLength, uint8_t* rtcp, size_t* rtcpLength)
{
	const srtp3::InPlace unprotect{ ::srtp_unprotect_rtcp };

	return srtp3::transform(unprotect, session, srtcp, srtcpLength, rtcp, rtcpLength, 0);
}

#endif
